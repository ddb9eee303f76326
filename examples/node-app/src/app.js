import fastify from 'fastify';
import { maxLength } from './notes.js';
import { renderPage } from './page.js';

// Something other than white space, and no NUL, which PostgreSQL cannot store.
const pattern = '^[^\\u0000]*[^\\s\\u0000][^\\u0000]*$';

const newNote = {
  type: 'object',
  required: ['author', 'text'],
  properties: {
    author: { type: 'string', maxLength: maxLength.author, pattern },
    text: { type: 'string', maxLength: maxLength.text, pattern },
  },
};

export function buildApp(notes, options) {
  const app = fastify(options);

  app.get('/', async (request, reply) => {
    return reply.type('text/html; charset=utf-8').send(renderPage(await notes.list()));
  });

  app.get('/api/notes', () => notes.list());

  app.post('/api/notes', { schema: { body: newNote } }, async (request, reply) => {
    return reply.code(201).send(await notes.add(request.body));
  });

  return app;
}
