import assert from 'node:assert/strict';
import { test } from 'node:test';
import { escapeHtml, relativeTime } from '@node-app/format';

test('escapeHtml leaves no character with a meaning in HTML', () => {
  assert.equal(escapeHtml(`<a title="x">Tom & Ann's</a>`), '&lt;a title=&quot;x&quot;&gt;Tom &amp; Ann&#39;s&lt;/a&gt;');
});

test('relativeTime picks the largest unit that fits', () => {
  const now = new Date('2025-06-15T12:00:00Z');
  const cases = {
    '2025-06-15T11:59:01Z': 'just now',
    '2025-06-15T11:59:00Z': '1 minute ago',
    '2025-06-15T10:00:01Z': '1 hour ago',
    '2025-06-12T12:00:00Z': '3 days ago',
    '2025-04-15T12:00:00Z': '2 months ago',
    '2023-06-15T12:00:00Z': '2 years ago',
    '2025-06-15T12:05:00Z': 'in 5 minutes',
  };
  for (const [date, expected] of Object.entries(cases)) {
    assert.equal(relativeTime(new Date(date), now), expected, date);
  }
});
