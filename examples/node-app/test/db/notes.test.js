import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { buildApp } from '../../src/app.js';
import { migrate, openDatabase } from '../../src/database.js';
import { createNotes } from '../../src/notes.js';

// A schema of its own keeps the test away from the notes of a running app.
const schema = `test_${randomUUID().replaceAll('-', '')}`;
const pool = openDatabase({ options: `-c search_path=${schema}` });
const app = buildApp(createNotes(pool));

before(async () => {
  await pool.query(`create schema ${schema}`);
  await migrate(pool);
});

after(async () => {
  try {
    await pool.query(`drop schema if exists ${schema} cascade`);
  } finally {
    await pool.end();
  }
});

test('notes are stored and listed, newest first', async () => {
  for (const text of ['first', "  second, with ünïcödé and 'quotes'  "]) {
    const response = await app.inject({ method: 'POST', url: '/api/notes', payload: { author: 'Ann', text } });
    assert.equal(response.statusCode, 201, response.body);
  }

  // The app migrates at every start, which must keep the notes.
  await migrate(pool);
  const notes = (await app.inject('/api/notes')).json();
  assert.deepEqual(notes.map(({ text }) => text), ["second, with ünïcödé and 'quotes'", 'first']);
  assert.ok(Math.abs(Date.now() - Date.parse(notes[0].createdAt)) < 60_000);
});
