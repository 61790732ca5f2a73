import type { Place } from './contestant.js';

/** What the bench asks of a worker, and what the worker says by itself. */

export interface OpenCall {
  contestant: string;
  place: Place;
  payers: number;
  /** Undefined: it consumes nothing. */
  consumers: number | undefined;
  /** Whether handlers wait for {@link Calls.go}. */
  held: boolean;
}

export interface Paid {
  /** From the end of the warm-up to the last commit. */
  elapsedMs: number;
}

/** Milliseconds of the machine's monotonic clock, which all processes share, by payment. */
export type Times = [paymentId: string, at: number][];

export interface Calls {
  open(call: OpenCall): Promise<void>;
  /** As fast as it goes, so many at once; the first `warmUp` are not timed. */
  pay(call: { tag: string; warmUp: number; count: number }): Promise<Paid>;
  /** One by one, so many a second. @returns when each had committed */
  payEvenly(call: { tag: string; count: number; perSecond: number }): Promise<Times>;
  go(): Promise<void>;
  /** Of all effects since the last time. */
  effects(): Promise<Times>;
  close(): Promise<void>;
}

export type Request = { id: number; call: keyof Calls; argument: unknown };
export type Answer = { id: number; result?: unknown; error?: string };
/** `holding`: handlers are held back; `effects`: so many since it opened. */
export type Notice = { holding: number } | { effects: number };
