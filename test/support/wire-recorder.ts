import { once } from 'node:events';
import { type AddressInfo, type Server, type Socket, connect, createServer } from 'node:net';
import type { TestDatabase } from './engines.js';

/** A statement as it went over the wire, or as SQLite was given it. */
export interface RecordedStatement {
  /** Which connection it came from; on SQLite always 0. */
  connection: number;
  sql: string;
  /** Milliseconds, from a clock that never goes back. */
  at: number;
}

/** Every statement that an app sends to its database, whoever in it sends them. */
export interface Recording {
  /** The same database, reached through the recorder. */
  readonly database: TestDatabase;
  readonly statements: RecordedStatement[];
  close(): Promise<void>;
}

export async function record(database: TestDatabase): Promise<Recording> {
  return database.engine === 'sqlite' ? recordSqlite(database) : recordWire(database);
}

function recordSqlite(database: TestDatabase): Recording {
  const statements: RecordedStatement[] = [];
  const verbose = (sql: string) => statements.push({ connection: 0, sql: tidy(sql), at: performance.now() });
  const options = { ...database.options, verbose } as TestDatabase['options'];
  return { database: { ...database, options }, statements, close: async () => undefined };
}

/** Stands between the app and its server, and passes everything on as it is. */
async function recordWire(database: TestDatabase): Promise<Recording> {
  const { host, port } = database.options as { host: string; port: number };
  const statements: RecordedStatement[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer({ noDelay: true }, (client) => {
    const connection = ++connections;
    const upstream = connect({ host, port, noDelay: true });
    const Reader = database.engine === 'postgres' ? PostgresReader : CommandReader;
    const reader = new Reader((sql) =>
      statements.push({ connection, sql: tidy(sql), at: performance.now() }),
    );
    client.on('data', (chunk: Buffer) => reader.read(chunk));
    client.pipe(upstream).pipe(client);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('close', () => {
        client.destroy();
        upstream.destroy();
      });
      socket.on('error', () => undefined);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port: recorderPort } = server.address() as AddressInfo;
  const options = { ...database.options, host: '127.0.0.1', port: recorderPort } as TestDatabase['options'];
  return { database: { ...database, options }, statements, close: () => closeServer(server, sockets) };
}

async function closeServer(server: Server, sockets: ReadonlySet<Socket>): Promise<void> {
  for (const socket of sockets) socket.destroy();
  server.close();
  await once(server, 'close');
}

const COM_QUIT = 0x01;
const COM_QUERY = 0x03;
/** Enough of a statement to tell which one it is. */
const KEPT_BYTES = 4_000;

/** Reads commands out of what a MySQL client sends: packets of a 3-byte length, a number and that many bytes. */
class CommandReader {
  private buffer: Buffer = Buffer.alloc(0);

  constructor(private readonly onCommand: (sql: string) => void) {}

  read(chunk: Buffer): void {
    this.buffer = this.buffer.length === 0 ? chunk : Buffer.concat([this.buffer, chunk]);
    for (;;) {
      if (this.buffer.length < 4) return;
      const end = 4 + this.buffer.readUIntLE(0, 3);
      if (this.buffer.length < end) return;
      // A command begins a new exchange, so its packet has number 0; the login goes on with 1.
      if (this.buffer[3] === 0 && end > 4) this.command(this.buffer.subarray(4, end));
      this.buffer = this.buffer.subarray(end);
    }
  }

  private command(packet: Buffer): void {
    const kind = packet[0];
    if (kind === COM_QUIT) return;
    if (kind !== COM_QUERY) return this.onCommand(`command ${kind}`);
    // MySQL from 8.0.23 may have two bytes about attributes before the text.
    const text = packet[1] === 0x00 && packet[2] === 0x01 ? 3 : 1;
    this.onCommand(packet.subarray(text, text + KEPT_BYTES).toString('utf8'));
  }
}

/** The same of what a PostgreSQL client sends: a kind, a 4-byte length that counts itself, and the rest. The first has no kind. */
class PostgresReader {
  private buffer: Buffer = Buffer.alloc(0);
  private hasBegun = false;

  constructor(private readonly onCommand: (sql: string) => void) {}

  read(chunk: Buffer): void {
    this.buffer = Buffer.concat([this.buffer, chunk]);
    for (;;) {
      const kindBytes = this.hasBegun ? 1 : 0;
      if (this.buffer.length < kindBytes + 4) return;
      const end = kindBytes + this.buffer.readUInt32BE(kindBytes);
      if (this.buffer.length < end) return;
      if (this.hasBegun) this.message(String.fromCharCode(this.buffer[0]!), this.buffer.subarray(5, end));
      this.hasBegun = true;
      this.buffer = this.buffer.subarray(end);
    }
  }

  /** A query of no parameters, or one that is parsed first, behind the name that it has then. */
  private message(kind: string, content: Buffer): void {
    if (kind === 'Q') this.onCommand(textAt(content, 0));
    if (kind === 'P') this.onCommand(textAt(content, content.indexOf(0) + 1));
  }
}

function textAt(content: Buffer, from: number): string {
  return content.subarray(from, content.indexOf(0, from)).toString('utf8');
}

function tidy(sql: string): string {
  return sql.slice(0, KEPT_BYTES).replace(/\s+/g, ' ').trim();
}
