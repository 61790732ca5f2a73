import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { countsOf } from './business/index.js';
import type { Contestant, Place } from './contestant.js';
import { cpuMs, machineCpuMs } from './meter.js';
import type { Cost, Idle, Latency, RoundFigures, Throughput } from './results.js';
import type { BenchServer } from './servers/kinds.js';
import { type Service, startService } from './service.js';
import type { Size } from './sizes.js';
import { statementsOf } from './statements.js';
import type { Times } from './worker-calls.js';
import { WorkerProcess } from './worker-process.js';

const SETTLES_WITHIN_MS = 30_000;
/** For consumers that have come up to claim what they will. */
const FILLING_MS = 300;

export interface RoundOptions {
  size: Size;
  servers: readonly BenchServer[];
  /** Whether latency and idle cost are measured too. */
  calm: boolean;
  /** The process below which everything of the bench runs. */
  root: number;
}

/** A run whose result is not what was paid for measures nothing. */
export class VoidRound extends Error {}

/** All phases of one contestant, on tables of its own; what it has done is judged at the end. */
export async function playRound(contestant: Contestant, options: RoundOptions): Promise<RoundFigures> {
  const urls = Object.fromEntries(options.servers.map(({ kind, url }) => [kind, url]));
  let place: Place = { name: `mq_bench_${randomBytes(5).toString('hex')}`, urls };
  const before = { at: performance.now(), machine: machineCpuMs(), ours: cpuMs([options.root]) };
  await contestant.create(place);
  let service: Service | undefined;
  try {
    if (contestant.hasService) {
      service = await startService(contestant, place);
      place = { ...place, service: service.url };
    }
    const round = new Round(contestant, place, options, service?.pid);
    const figures = await round.play();
    const others = machineCpuMs() - before.machine - (cpuMs([options.root]) - before.ours);
    return { ...figures, foreignLoad: Math.max(0, others / (performance.now() - before.at)) };
  } finally {
    await service?.close();
    await contestant.drop(place);
  }
}

class Round {
  private paid = 0;
  private tags = 0;

  constructor(
    private readonly contestant: Contestant,
    private readonly place: Place,
    private readonly options: RoundOptions,
    private readonly servicePid: number | undefined,
  ) {}

  async play(): Promise<Omit<RoundFigures, 'foreignLoad'>> {
    const { size, calm } = this.options;
    // The first one subscribes: before it, nobody would wait for what is published.
    await (await this.worker({ consumers: size.concurrency })).close();
    const published: Throughput[] = [];
    const consume: Record<string, Throughput> = {};
    for (const processes of this.contestant.throughputOnly ? [1] : size.processes) {
      published.push(await this.publish());
      consume[processes] = await this.consume(processes);
    }
    const publish = published.sort((a, b) => a.perSecond - b.perSecond)[Math.floor(published.length / 2)]!;
    const endToEnd = await this.endToEnd();
    if (!calm || this.contestant.throughputOnly) {
      await this.judge();
      return { publish, consume, endToEnd };
    }
    const latency = { within: await this.latencyWithin(), across: await this.latencyAcross() };
    const idle = await this.idle();
    await this.judge();
    return { publish, consume, endToEnd, latency, idle };
  }

  private async publish(): Promise<Throughput> {
    const { messages, warmUp, concurrency } = this.options.size;
    const worker = await this.worker({ payers: concurrency });
    const meter = await this.meter([worker]);
    const { elapsedMs } = await worker.pay({ tag: this.tag(), warmUp, count: messages });
    const cost = await meter(warmUp + messages);
    this.paid += warmUp + messages;
    await this.untilLanded();
    await worker.close();
    return { perSecond: (1_000 * messages) / elapsedMs, cost };
  }

  private async consume(processes: number): Promise<Throughput> {
    const { messages, warmUp, concurrency } = this.options.size;
    const workers = await Promise.all(
      Array.from({ length: processes }, () => this.worker({ consumers: concurrency, held: true })),
    );
    await Promise.all(workers.map((worker) => until(worker, () => worker.holding > 0)));
    await pause(FILLING_MS);
    const meter = await this.meter(workers);
    await Promise.all(workers.map((worker) => worker.go()));
    const times = await this.effectsOf(workers, warmUp + messages);
    const cost = await meter(warmUp + messages);
    for (const worker of workers) await worker.close();
    return { perSecond: rate(times, warmUp), cost };
  }

  private async endToEnd(): Promise<Throughput> {
    const { messages, warmUp, concurrency } = this.options.size;
    const worker = await this.worker({ payers: concurrency, consumers: concurrency });
    const meter = await this.meter([worker]);
    const paying = worker.pay({ tag: this.tag(), warmUp, count: messages });
    this.paid += warmUp + messages;
    const [times] = await Promise.all([this.effectsOf([worker], warmUp + messages), paying]);
    const cost = await meter(warmUp + messages);
    await worker.close();
    return { perSecond: rate(times, warmUp), cost };
  }

  private async latencyWithin(): Promise<Latency> {
    const { concurrency } = this.options.size;
    const worker = await this.worker({ payers: concurrency, consumers: concurrency });
    const latency = await this.latency(worker, worker);
    await worker.close();
    return latency;
  }

  private async latencyAcross(): Promise<Latency> {
    const { concurrency } = this.options.size;
    const consumer = await this.worker({ consumers: concurrency });
    const payer = await this.worker({ payers: concurrency });
    const latency = await this.latency(payer, consumer);
    await payer.close();
    await consumer.close();
    return latency;
  }

  private async latency(payer: WorkerProcess, consumer: WorkerProcess): Promise<Latency> {
    const { warmUp, count, perSecond } = this.options.size.latency;
    const all = warmUp + count;
    const paying = payer.payEvenly({ tag: this.tag(), count: all, perSecond });
    this.paid += all;
    const [committed, effects] = await Promise.all([paying, this.effectsOf([consumer], all)]);
    const at = new Map(effects);
    const took = committed.slice(warmUp).map(([paymentId, commit]) => at.get(paymentId)! - commit);
    took.sort((a, b) => a - b);
    return { p50: took[Math.floor(count * 0.5)]!, p99: took[Math.floor(count * 0.99)]!, most: took.at(-1)! };
  }

  private async idle(): Promise<Idle> {
    const { concurrency, idle } = this.options.size;
    const worker = await this.worker({ payers: concurrency, consumers: concurrency });
    await pause(idle.settleMs);
    const meter = await this.meter([worker]);
    await pause(idle.ms);
    const cost = await meter(1);
    await worker.close();
    const aSecond = (total: number) => total / (idle.ms / 1_000);
    return {
      // Without the one that asked.
      statementsPerSecond: cost.statements === undefined ? undefined : aSecond(cost.statements - 1),
      clientMs: aSecond(cost.clients / 1_000),
      serverMs: cost.servers === undefined ? undefined : aSecond(cost.servers / 1_000),
    };
  }

  private async judge(): Promise<void> {
    const deadline = performance.now() + SETTLES_WITHIN_MS;
    let left = await this.contestant.left(this.place);
    while (left > 0 && performance.now() < deadline) {
      await pause(200);
      left = await this.contestant.left(this.place);
    }
    const { payments, cards, different } = await countsOf(this.contestant, this.place);
    if (payments === this.paid && cards === this.paid && different === this.paid && left === 0) return;
    throw new VoidRound(
      `${this.paid} were paid: ${payments} payments, ${cards} cards of ${different} payments, ${left} messages left`,
    );
  }

  private worker({ payers = 0, consumers = 0, held = false }): Promise<WorkerProcess> {
    return WorkerProcess.start({
      contestant: this.contestant.name,
      place: this.place,
      payers,
      consumers: consumers || undefined,
      held,
    });
  }

  /** Until so many effects were seen by these workers together. */
  private async effectsOf(workers: readonly WorkerProcess[], count: number): Promise<Times> {
    const seen = () => workers.reduce((sum, { effectsSeen }) => sum + effectsSeen, 0);
    while (seen() < count) await Promise.race(workers.map((worker) => worker.news()));
    const times = await Promise.all(workers.map((worker) => worker.effects()));
    return times.flat();
  }

  private async untilLanded(): Promise<void> {
    const deadline = performance.now() + SETTLES_WITHIN_MS;
    while (this.contestant.landed && !(await this.contestant.landed(this.place))) {
      if (performance.now() > deadline) throw new VoidRound('what was paid has not landed');
      await pause(100);
    }
  }

  /** @returns what it has cost from now on, by so many messages */
  private async meter(workers: readonly WorkerProcess[]): Promise<(messages: number) => Promise<Cost>> {
    const clients = workers.map(({ pid }) => pid);
    const known = this.options.servers.filter(({ kind }) => this.contestant.servers.includes(kind));
    const pids = known.flatMap(({ pid }) => pid ?? []);
    const servers = [...pids, ...(this.servicePid === undefined ? [] : [this.servicePid])];
    const statements = await this.statements();
    const before = { clients: cpuMs(clients), servers: cpuMs(servers) };
    return async (messages) => {
      const after = { clients: cpuMs(clients), servers: cpuMs(servers) };
      const sent = statements === undefined ? undefined : (await this.statements())! - statements;
      const areSeen = pids.length === known.length;
      return {
        statements: sent === undefined ? undefined : sent / messages,
        clients: (1_000 * (after.clients - before.clients)) / messages,
        servers: areSeen ? (1_000 * (after.servers - before.servers)) / messages : undefined,
      };
    };
  }

  /** Of all servers that count them. */
  private async statements(): Promise<number | undefined> {
    const counted = await Promise.all(this.contestant.servers.map((kind) => statementsOf(kind, this.place)));
    const known = counted.filter((count) => count !== undefined);
    return known.length === 0 ? undefined : known.reduce((sum, count) => sum + count);
  }

  private tag(): string {
    return `P${++this.tags}`;
  }
}

/** From the end of the warm-up to the last effect. */
function rate(times: Times, warmUp: number): number {
  const at = times.map(([, time]) => time).sort((a, b) => a - b);
  return (1_000 * (at.length - warmUp)) / (at.at(-1)! - at[warmUp - 1]!);
}

async function until(worker: WorkerProcess, condition: () => boolean): Promise<void> {
  while (!condition()) await worker.news();
}
