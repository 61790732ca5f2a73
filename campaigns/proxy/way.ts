import { once } from 'node:events';
import { type AddressInfo, type Server, type Socket, connect, createServer } from 'node:net';
import type { EngineOfServers } from '../databases/create.js';
import type { PlannedLoss } from './commit-faults.js';
import type { CommitSight } from './commit-sight.js';
import type { DedupMeetings } from './dedup-meetings.js';
import { type Answer, conversationWith } from './protocol.js';
import { type Place, TransactionWatch } from './transaction-watch.js';

/** An answer that never came: how long until the network says so, in milliseconds. Longer than anybody waits for it. */
const SILENCE_MS = 6_000;

interface Connection {
  client: Socket;
  upstream: Socket;
  silent: boolean;
  lingerMs: number;
  /** Its COMMIT there has no answer yet. */
  committing: Place | undefined;
  /** Its answer is not to get through. */
  loss: PlannedLoss | undefined;
}

/** Where a way leads. */
export interface Address {
  host: string;
  port: number;
}

/** Who looks at what goes this way. */
export interface Watchers {
  sight?: CommitSight | undefined;
  meetings?: DedupMeetings | undefined;
}

/** The way of one process to one database. */
export class Way {
  private readonly connections = new Set<Connection>();

  private constructor(
    private readonly server: Server,
    private readonly engine: EngineOfServers,
    private to: Address,
    private readonly watchers: Watchers,
  ) {
    server.on('connection', (client) => this.lead(client));
  }

  static async open(engine: EngineOfServers, to: Address, watchers: Watchers = {}): Promise<Way> {
    const server = createServer({ noDelay: true });
    const way = new Way(server, engine, to, watchers);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return way;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** COMMITs of the protocol that the database has not answered yet. */
  get unanswered(): number {
    return [...this.connections].filter(({ committing }) => committing).length;
  }

  /** From now on nothing of what the database says gets through to those that are connected. */
  holdAnswers(): void {
    for (const connection of this.connections) connection.silent = true;
  }

  /** The database hears of the death of those that are connected only so much later. */
  linger(ms: number): void {
    for (const connection of this.connections) connection.lingerMs = ms;
  }

  /** Whoever comes from now on is led there, and nobody stays where it led before. */
  moveTo(to: Address): void {
    this.to = to;
    this.breakAll();
  }

  close(): void {
    this.server.close();
    this.breakAll();
  }

  private breakAll(): void {
    for (const { client, upstream } of this.connections) {
      client.destroy();
      upstream.destroy();
    }
  }

  private lead(client: Socket): void {
    const upstream = connect({ ...this.to, noDelay: true });
    const connection: Connection = {
      ...{ client, upstream, silent: false, lingerMs: 0 },
      ...{ committing: undefined, loss: undefined },
    };
    const { sight, meetings } = this.watchers;
    const conversation = conversationWith(this.engine);
    const watch = new TransactionWatch();
    const dedups = meetings?.watch();
    this.connections.add(connection);
    client.on('data', (chunk) => {
      for (const command of conversation.commands(chunk)) {
        const place = watch.see(command.sql);
        connection.committing = place;
        const loss = place && sight?.decide(place);
        dedups?.command(command);
        if (loss?.kind === 'command-lost') {
          loss.happened();
          upstream.write(chunk.subarray(0, command.from));
          return void client.destroy();
        }
        if (loss) Object.assign(connection, { loss, silent: true });
      }
      upstream.write(chunk);
    });
    upstream.on('data', (chunk) => {
      const answers = conversation.answers(chunk);
      for (const answer of answers) dedups?.answer(answer);
      if (!connection.silent) client.write(chunk);
      const last = answers.at(-1);
      if (last === undefined) return;
      if (connection.committing) sight?.answered(connection.committing);
      connection.committing = undefined;
      lose(connection, last);
    });
    client.on('error', () => undefined);
    upstream.on('error', () => undefined);
    client.on('close', () => {
      if (connection.lingerMs > 0) setTimeout(() => upstream.destroy(), connection.lingerMs).unref();
      else upstream.destroy();
    });
    upstream.on('close', () => {
      dedups?.gone();
      connection.loss?.missed();
      client.destroy();
      this.connections.delete(connection);
    });
  }
}

/** The answer to its COMMIT is here, and goes no further. Only where the server has done it, a COMMIT's answer was lost. */
function lose(connection: Connection, answer: Answer): void {
  const { loss, client } = connection;
  if (!loss) return;
  connection.loss = undefined;
  if (answer === 'done') loss.happened();
  else loss.missed();
  if (loss.kind === 'answer-lost') client.destroy();
  else setTimeout(() => client.destroy(), SILENCE_MS).unref();
}
