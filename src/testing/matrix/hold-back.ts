import { setTimeout as pause } from 'node:timers/promises';
import { noLongerThan } from './no-longer-than.js';
import type { Probe, Statement } from './probe.js';

/** How long the answer to an awaited statement is held back, and to one that nobody awaits, after its handler. Milliseconds. */
const HELD_BACK_MS = 30;
const AFTER_HANDLER_MS = 20;
/** The earlier ones longer: of several under way, the handler most likely awaits the last one. Milliseconds. */
const LONGER_MS = 150;

export async function holdBack({ ended }: Probe, { number }: Pick<Statement, 'number'>): Promise<void> {
  await noLongerThan(
    HELD_BACK_MS + LONGER_MS / number,
    ended.then(() => pause(AFTER_HANDLER_MS)),
  );
}

/** Where nobody awaits the statement, its handler has returned by then: sooner, test runners hear of it before the library does. */
export async function failLate(probe: Probe, statement: Statement, error: unknown): Promise<never> {
  await holdBack(probe, statement);
  throw error;
}
