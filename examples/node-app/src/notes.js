export const maxLength = { author: 60, text: 500 };

const columns = 'id, author, text, created_at as "createdAt"';
const select = `select ${columns} from notes order by id desc limit 100`;
const insert = `insert into notes (author, text) values ($1, $2) returning ${columns}`;

export function createNotes(pool) {
  return {
    async list() {
      const { rows } = await pool.query(select);
      return rows;
    },
    async add({ author, text }) {
      const { rows } = await pool.query(insert, [author.trim(), text.trim()]);
      return rows[0];
    },
  };
}
