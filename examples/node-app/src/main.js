import { buildApp } from './app.js';
import { migrate, openDatabase } from './database.js';
import { createNotes } from './notes.js';

const pool = openDatabase();
await migrate(pool);

const app = buildApp(createNotes(pool), { logger: true });
app.addHook('onClose', () => pool.end());

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => app.close());

await app.listen({ host: '0.0.0.0', port: Number(process.env.PORT ?? 3000) });
