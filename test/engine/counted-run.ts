import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import { migrate } from '../../src/index.js';
import { startApp } from '../support/app.js';
import { CardTable, PaymentSucceeded, payment } from '../support/cards.js';
import { type CutProxy, cutProxy } from '../support/cut-proxy.js';
import { type Engine, createDatabase } from '../support/engines.js';
import { outboxSize } from '../support/tables.js';
import { type EngineName, ENGINES, type OwnServer } from './engines.js';

export const VARIANTS = ['as-it-is', 'ack-first', 'no-dedup'] as const;
export type Variant = (typeof VARIANTS)[number];

export interface CountedRun {
  broker: EngineName;
  messages: number;
  engine: Engine;
  variant: Variant;
  /** The program of a worker: a file that Node runs. */
  worker: string;
  log?: (line: string) => void;
}

export interface Counts {
  published: number;
  /** Of these, how many were published a second time. */
  repeats: number;
  lost: number;
  doubled: number;
  deadLetters: number;
  serverKills: number;
  workerKills: number;
  cuts: number;
  seconds: number;
}

const WORKERS = 2;
const BATCH = 50;
/** Published, and not handled yet: what a fault meets. */
const UNDER_WAY = 300;
/** Nothing has become of anything for so long: then nothing will. Milliseconds. */
const STALLED_MS = 45_000;
const IDLE_WITHIN_MS = 300_000;

/**
 * Payments through an engine that is killed and started again, over connections that are cut, to workers that are killed,
 * some of them published twice; and then a count of the cards of each.
 */
export async function countedRun({
  broker: name,
  messages,
  engine,
  variant,
  worker,
  log = () => undefined,
}: CountedRun): Promise<Counts> {
  const began = performance.now();
  const { start, optionsFor, brokerOf } = ENGINES[name];
  const server = await start();
  const proxy = await cutProxy({ host: '127.0.0.1', port: Number(new URL(server.url).port) });
  const url = new URL(server.url);
  url.port = String(proxy.port);
  const broker = optionsFor(url.href);
  const [business, cards] = [await createDatabase(engine), await createDatabase(engine)];
  const app = await startApp(business, {
    options: {
      broker: brokerOf(broker),
      roles: { consume: false },
      relay: { ackTimeoutMs: 3_000, maxDelayMs: 500 },
    },
  });
  const view = await new DataSource({
    ...cards.options,
    entities: [CardTable],
    synchronize: true,
  }).initialize();
  const workers = new Workers(
    {
      WORKER_DATABASE: JSON.stringify(cards.options),
      WORKER_ENGINE: name,
      WORKER_BROKER: JSON.stringify(broker),
      WORKER_VARIANT: variant,
    },
    worker,
  );
  const counts: Counts = {
    published: 0,
    repeats: 0,
    lost: 0,
    doubled: 0,
    deadLetters: 0,
    serverKills: 0,
    workerKills: 0,
    cuts: 0,
    seconds: 0,
  };
  const quote = ['mariadb', 'mysql'].includes(engine) ? '`' : '"';
  const paymentId = `${quote}paymentId${quote}`;
  const done = async () => {
    const [{ n }] = await view.query(`SELECT COUNT(DISTINCT ${paymentId}) AS n FROM card`);
    return Number(n);
  };
  try {
    await migrate(view);
    for (let i = 0; i < WORKERS; i++) await workers.start();
    const faults = faultsOf({ proxy, server, workers, counts });
    const step = Math.max(1, Math.floor(messages / 16));
    let handled = 0;
    let next = step;
    let progressAt = performance.now();
    while (performance.now() - progressAt < STALLED_MS) {
      const now = await done();
      if (now > handled) progressAt = performance.now();
      handled = now;
      if (handled >= messages && (await outboxSize(app.dataSource)) === 0) break;
      if (handled >= next && counts.published < messages) {
        next += step;
        log(await faults.next());
        progressAt = performance.now();
      }
      if (counts.published < messages && counts.published - handled < UNDER_WAY) {
        const size = Math.min(BATCH, messages - counts.published);
        const batch = Array.from({ length: size }, (_, i) => payment(`P-${counts.published + i}`));
        // Each tenth comes twice, as from a business that repeats itself.
        const repeated = batch.filter((_, i) => i % 10 === 0);
        await app.outbox.publishAll(PaymentSucceeded, [...batch, ...repeated], { standalone: true });
        counts.published += size;
        counts.repeats += repeated.length;
      } else {
        await pause(20);
      }
    }
    // What is still under way may be a second one.
    await workers.untilIdle(view);
    const rows: { n: number | string }[] = await view.query(
      `SELECT COUNT(*) AS n FROM card GROUP BY ${paymentId}`,
    );
    counts.lost = counts.published - rows.length;
    counts.doubled = rows.filter(({ n }) => Number(n) > 1).length;
    const [{ n }] = await view.query('SELECT COUNT(*) AS n FROM mq_dead_letter');
    counts.deadLetters = Number(n);
    counts.cuts = proxy.cuts;
    return counts;
  } finally {
    counts.seconds = Math.round((performance.now() - began) / 1000);
    await workers.stop();
    await app.close();
    await view.destroy();
    await proxy.close();
    await server.close();
    await business.drop();
    await cards.drop();
  }
}

/** In turn: a cut, a worker's death, a cut, a death, the server's. */
function faultsOf({
  proxy,
  server,
  workers,
  counts,
}: {
  proxy: CutProxy;
  server: OwnServer;
  workers: Workers;
  counts: Counts;
}) {
  let turn = 0;
  return {
    async next(): Promise<string> {
      turn++;
      if (turn % 5 === 0) {
        await server.kill();
        counts.serverKills++;
        await server.startAgain();
        return 'the server was killed and is there again';
      }
      if (turn % 2 === 0) {
        await workers.killOne();
        counts.workerKills++;
        return 'a worker was killed, and another one started';
      }
      proxy.cut();
      return 'all connections were cut';
    },
  };
}

class Workers {
  private readonly running: ChildProcess[] = [];

  constructor(
    private readonly env: Record<string, string>,
    private readonly program: string,
  ) {}

  async start(): Promise<void> {
    const child = spawn(process.execPath, [this.program], {
      env: { ...process.env, ...this.env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.running.push(child);
    let hasStarted = false;
    for await (const line of createInterface({ input: child.stdout }))
      if ((hasStarted = line === 'started')) break;
    if (!hasStarted) throw new Error('a worker ended before it had started');
    child.stdout.resume();
  }

  async killOne(): Promise<void> {
    const child = this.running.shift()!;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
    await this.start();
  }

  /** Until nothing that was set aside is on its way any more, and no card has come for a while. */
  async untilIdle(view: DataSource): Promise<void> {
    const deadline = performance.now() + IDLE_WITHIN_MS;
    let before = -1;
    for (let quiet = 0; quiet < 10;) {
      if (performance.now() > deadline)
        throw new Error(`The workers are not idle after ${IDLE_WITHIN_MS} ms.`);
      await pause(200);
      const [{ n }] = await view.query(
        'SELECT (SELECT COUNT(*) FROM card) + (SELECT COUNT(*) FROM mq_delivery) + (SELECT COUNT(*) FROM mq_waiting) * 1000000 AS n',
      );
      quiet = Number(n) === before && Number(n) < 1_000_000 ? quiet + 1 : 0;
      before = Number(n);
    }
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.running.map(async (child) => {
        const gone = once(child, 'exit');
        if (child.exitCode !== null || child.signalCode !== null) return;
        child.kill('SIGKILL');
        await gone;
      }),
    );
  }
}
