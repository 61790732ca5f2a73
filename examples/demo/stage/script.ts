import type { Databases, Orders } from './orders.js';
import type { Shape } from './shape.js';

const ONE_TWICE_IN = 10;
/** At which payments arrive, in milliseconds, if the database is fast enough. */
const PAYMENT_EVERY_MS = 12;
/** Long enough for some accidents, in milliseconds, however few payments there are. */
const ARRIVAL_MS = 6_000;
/** The part of the payments that is kept for the accidents which a slow machine has not seen by then. */
const RESERVE = 0.5;
/** How many times slower the reserve arrives. Over the network there is more that has to happen, and to start again. */
const LULL: Record<Shape, number> = {
  together: 25,
  apart: 25,
  'over-the-network': 50,
  'through-an-engine': 25,
};
/** And not slower than this, in milliseconds: what is to be cut off has to be under way. */
const SLOWEST: Partial<Record<Shape, number>> = { 'through-an-engine': 1_500 };
/** Short, so that what a killed worker held is had again soon. Over the network, two answers may be waited for meanwhile. */
const LEASE_MS: Record<Shape, number> = {
  together: 1_500,
  apart: 1_500,
  'over-the-network': 3_000,
  'through-an-engine': 1_500,
};
/** How many payments lose both ACKs, about. Each holds up a card worker for a lease. */
const UNLUCKY: Record<Shape, number> = {
  together: 25,
  apart: 25,
  'over-the-network': 100,
  'through-an-engine': 25,
};

export interface Scene {
  shape: Shape;
  payments: number;
  withoutDedup: boolean;
}

/** How a run goes, if nothing gets in its way. */
export function ordersFor(
  scene: Scene,
  databases: Databases,
  files: Pick<Orders, 'smsLog' | 'marks'>,
): Orders {
  const { shape, payments, withoutDedup } = scene;
  const everyMs = Math.max(ARRIVAL_MS / payments, PAYMENT_EVERY_MS);
  return {
    payments,
    withoutDedup,
    databases,
    oneTwiceIn: ONE_TWICE_IN,
    rush: { payments: Math.ceil(payments * (1 - RESERVE)), everyMs },
    lull: { everyMs: Math.min(LULL[shape] * everyMs, SLOWEST[shape] ?? Infinity) },
    leaseMs: LEASE_MS[shape],
    oneUnluckyIn: ONE_TWICE_IN * Math.ceil(payments / UNLUCKY[shape] / ONE_TWICE_IN),
    smsLog: files.smsLog,
    marks: files.marks,
  };
}
