import { setTimeout as pause } from 'node:timers/promises';
import { AssertionError } from 'node:assert';
import { findInBroker, findInOutbox } from '../statements/find-on-its-way.js';
import type { TestedRuntime } from './runtime-of.js';
import type { UnderWay } from './under-way.js';

/** How soon it looks again while something is on its way, in milliseconds. */
const LOOK_MS = 10;

/**
 * Resolves when nothing is on its way any more.
 *
 * @throws AssertionError saying what still is
 */
export async function drain(runtime: TestedRuntime, underWay: UnderWay, timeoutMs: number): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const { seen } = underWay;
    const left = await findOnItsWay(runtime, underWay);
    // What moves from one table to the next while both are looked at could be missed.
    if (left.length === 0 && seen === underWay.seen) return;
    if (performance.now() > deadline)
      throw stillOnItsWay(
        left.length > 0 ? left : [`something, for events keep coming: ${underWay.last}`],
        timeoutMs,
      );
    await pause(LOOK_MS);
  }
}

/** In the order of a message's way: what has left one place is at the next by then. */
async function findOnItsWay(runtime: TestedRuntime, underWay: UnderWay): Promise<string[]> {
  const { brokerConnections: broker, connections: app, outbox, options } = runtime;
  const sent = outbox ? await app.control((on) => findInOutbox(app.database, on)) : [];
  const stored = options.roles.consume ? await broker.control((on) => findInBroker(broker.database, on)) : [];
  return [...sent, ...stored, ...underWay.names];
}

function stillOnItsWay(left: readonly string[], timeoutMs: number): AssertionError {
  return new AssertionError({
    message:
      `Still on its way after ${timeoutMs} ms (drain({ timeoutMs })):\n${left.map((line) => `  ${line}`).join('\n')}\n` +
      'Consumers start with app.init(). What waits for its time is not waited for: jumpClock(ms) makes it due.',
    actual: left,
    expected: [],
    operator: 'drain',
  });
}
