import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildApp } from '../../src/app.js';

const appWith = (...notes) => buildApp({ list: async () => notes, add: async (note) => ({ id: 1, ...note }) });
const post = (app, payload) => app.inject({ method: 'POST', url: '/api/notes', payload });

test('the page shows the notes, escaped', async () => {
  const response = await appWith({ author: 'Ann', text: '<b>hi</b>', createdAt: new Date() }).inject('/');
  assert.equal(response.statusCode, 200);
  assert.match(response.headers['content-type'], /^text\/html/);
  assert.match(response.body, /<p>&lt;b&gt;hi&lt;\/b&gt;<\/p>/);
  assert.match(response.body, /Ann, <time datetime="[^"]+">just now</);
});

test('a valid note is added', async () => {
  const response = await post(appWith(), { author: 'Ann', text: 'Hello' });
  assert.equal(response.statusCode, 201);
  assert.deepEqual(response.json(), { id: 1, author: 'Ann', text: 'Hello' });
});

for (const [problem, note] of Object.entries({
  'no text': { author: 'Ann' },
  'a blank author': { author: ' \n', text: 'Hello' },
  'a text too long': { author: 'Ann', text: 'x'.repeat(501) },
  'a NUL': { author: 'Ann', text: 'Hello\0' },
})) {
  test(`a note with ${problem} is refused`, async () => {
    const response = await post(appWith(), note);
    assert.equal(response.statusCode, 400);
    assert.match(response.json().message, /^body/);
  });
}
