import pg from 'pg';

export function openDatabase(options) {
  const connectionString = process.env.DATABASE_URL;
  if (!connectionString) {
    throw new Error('DATABASE_URL is not set; it should look like postgresql://user:password@host:5432/database');
  }
  const pool = new pg.Pool({ connectionString, connectionTimeoutMillis: 5000, ...options });
  // Without a listener, losing an idle connection (the database restarts) would end the process.
  pool.on('error', (error) => console.error(`database connection lost: ${error.message}`));
  return pool;
}

export function migrate(pool) {
  return pool.query(`
    create table if not exists notes (
      id integer generated always as identity primary key,
      author text not null,
      text text not null,
      created_at timestamptz not null default now()
    )`);
}
