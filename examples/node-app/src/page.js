import { escapeHtml, relativeTime } from '@node-app/format';
import { maxLength } from './notes.js';

const renderNote = ({ author, text, createdAt }) => `
    <article>
      <p>${escapeHtml(text)}</p>
      <footer>${escapeHtml(author)}, <time datetime="${createdAt.toISOString()}">${relativeTime(createdAt)}</time></footer>
    </article>`;

export const renderPage = (notes) => `<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>Guest book</title>
  <style>
    :root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
    body { max-width: 36rem; margin: 2rem auto; padding: 0 1rem; }
    form { display: grid; gap: .5rem; margin-bottom: 2rem; }
    input, textarea, button { font: inherit; padding: .5rem; }
    article { border-top: 1px solid #8884; padding: .75rem 0; }
    article p { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; }
    footer { opacity: .7; font-size: .875rem; }
  </style>
</head>
<body>
  <h1>Guest book</h1>
  <form>
    <input name="author" placeholder="Your name" aria-label="Your name" maxlength="${maxLength.author}" required>
    <textarea name="text" placeholder="Your note" aria-label="Your note" maxlength="${maxLength.text}" required></textarea>
    <button>Sign</button>
    <output></output>
  </form>
  <main>${notes.map(renderNote).join('') || '<p>Nobody has signed yet.</p>'}
  </main>
  <script type="module">
    const form = document.querySelector('form');
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      const response = await fetch('/api/notes', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(Object.fromEntries(new FormData(form))),
      });
      if (response.ok) location.reload();
      else form.querySelector('output').textContent = (await response.json()).message;
    });
  </script>
</body>
</html>
`;
