import { setTimeout as pause } from 'node:timers/promises';
import { now } from './clock.js';
import type { Opened } from './contestant.js';
import { contestantNamed } from './contestants/index.js';
import { paymentOf } from './payment.js';
import type { Answer, Calls, Notice, OpenCall, Request, Times } from './worker-calls.js';

/** One process of a contestant, which does what the bench asks of it. */

const REPORT_EVERY_MS = 5;

let opened: Opened | undefined;
let payers = 0;
let effects: Times = [];
let seen = 0;
let reported = 0;
let holding = 0;
let release: () => void = () => undefined;
let gate: Promise<void> | undefined;

const calls: Calls = {
  async open(call: OpenCall) {
    const contestant = await contestantNamed(call.contestant);
    ({ payers } = call);
    if (call.held) gate = new Promise((resolve) => (release = resolve));
    const consumer = call.consumers ? { concurrency: call.consumers, begin, effect } : undefined;
    opened = await contestant.open(call.place, { payers, ...(consumer && { consumer }) });
    if (consumer) setInterval(report, REPORT_EVERY_MS).unref();
  },
  async pay({ tag, warmUp, count }) {
    const numbers = Array.from({ length: warmUp + count }, (_, i) => i).values();
    let done = 0;
    let began = now();
    await Promise.all(
      Array.from({ length: payers }, async () => {
        for (const i of numbers) {
          await opened!.pay(paymentOf(`${tag}-${i}`));
          if (++done === warmUp) began = now();
        }
      }),
    );
    return { elapsedMs: now() - began };
  },
  async payEvenly({ tag, count, perSecond }) {
    const committed: Times = [];
    for (let i = 0; i < count; i++) {
      const next = pause(1_000 / perSecond);
      const at = await opened!.pay(paymentOf(`${tag}-${i}`));
      committed.push([`${tag}-${i}`, at ?? now()]);
      await next;
    }
    return committed;
  },
  async go() {
    gate = undefined;
    release();
  },
  async effects() {
    const all = effects;
    effects = [];
    return all;
  },
  async close() {
    await opened?.close();
  },
};

async function begin(): Promise<void> {
  if (!gate) return;
  tell({ holding: ++holding });
  await gate;
}

function effect(paymentId: string): void {
  effects.push([paymentId, now()]);
  seen++;
}

function report(): void {
  if (seen === reported) return;
  reported = seen;
  tell({ effects: seen });
}

function tell(message: Answer | Notice): void {
  process.send!(message);
}

process.on('message', (request) => {
  const { id, call, argument } = request as Request;
  (calls[call] as (argument: unknown) => Promise<unknown>)(argument).then(
    (result) => tell({ id, result }),
    (error: unknown) => tell({ id, error: error instanceof Error ? error.stack! : String(error) }),
  );
});
process.on('disconnect', () => process.exit());
