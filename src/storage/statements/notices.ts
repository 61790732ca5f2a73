import { type Connection, read, write } from '../execute.js';

/** PostgreSQL's way to tell all who listen in a database. Nobody waits for it, and who doesn't listen then never hears it. */

/** Committed by itself, so at once. At most 8,000 bytes. */
export async function tellListeners(on: Connection, channel: string, text: string): Promise<void> {
  await read(on, 'SELECT pg_notify(?, ?)', [channel, text]);
}

/** @param channel a name that needs no quotes */
export async function listenTo(on: Connection, channel: string): Promise<void> {
  await write(on, `LISTEN ${channel}`, []);
}
