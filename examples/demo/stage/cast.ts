import type { Observable } from 'rxjs';
import type { Engine } from '../engine/engine.js';
import type { Network } from '../wire/network.js';
import { type Accidents, Chaos } from './chaos.js';
import { Crew, type Witnessed } from './crew.js';
import type { HandOuts } from './hand-outs.js';
import type { Orders } from './orders.js';
import type { Programs } from './programs.js';

export interface Troupe {
  crew: Crew;
  size: number;
  chaos: Chaos;
}

/** Who takes part in a run. */
export interface Cast {
  paymentSystem: Troupe;
  cardWorkers: Troupe;
  relays?: Troupe;
  broker?: Troupe;
}

/** What befell them. */
export type Damage = Pick<Chaos, 'killed' | 'paused'> & { wanted: Pick<Accidents, 'kills' | 'pauses'> };
export type Damages = { [Name in keyof Cast]: Damage };

export interface Direction {
  orders: Orders;
  programs: Programs;
  /** A file descriptor for what they print. */
  log: number;
  /** When it is enough. */
  over$: Observable<unknown>;
  /** Where an engine is in the broker's place. */
  handOuts?: HandOuts;
  onEvent: (witnessed: Witnessed) => void;
}

const NO_ACCIDENTS: Accidents = { kills: 0, pauses: 0, killEveryMs: 0, takeOverMs: 0 };
/** Several deaths take their time: each is that of a process that has to start anew, and to get something done. */
const LONG_RUN = 500;
const DEATHS = {
  short: { ...NO_ACCIDENTS, kills: 1, killEveryMs: 2_000 },
  long: { ...NO_ACCIDENTS, kills: 6, killEveryMs: 4_000 },
};
/** Through an engine there is one death of each role for so many payments. Fewer are a short run. */
const PAYMENTS_A_DEATH = 100;
/** A relay's lease is 16 s. */
const TAKE_OVER_MS = 30_000;
const CARDS = {
  kills: 5,
  pauses: 1,
  killEveryMs: 2_000,
  andOn: true,
  pausesFirst: true,
  takeOverMs: TAKE_OVER_MS,
};
/** It may have got its ACK through before it froze, and then nobody takes over: not long, or a short run is over. */
const CARDS_OVER_THE_NETWORK = { pauses: 1, pausesFirst: true, takeOverMs: 10_000 };

/**
 * Until an engine has noticed that nobody answers it: two heartbeats of RabbitMQ, and a while. An ACK to it takes no time, so
 * a worker that is busy has SQLite's write lock nearly always; but not while it tries to get an ACK through.
 */
const CARDS_AT_AN_ENGINE = {
  pauses: 1,
  atOnce: true,
  takeOverMs: 10_000,
  pauseMs: 6_000,
  pausesAt: 'ack-5-dropped',
} as const;

export function castTogether(direction: Direction): Cast {
  return {
    paymentSystem: paymentSystem(NO_ACCIDENTS, direction),
    cardWorkers: cardWorkers(CARDS, direction),
  };
}

export function castApart(direction: Direction): Cast {
  const broker = { ...NO_ACCIDENTS, kills: 2, killEveryMs: 4_000, alone: true, atAnyTime: true };
  return {
    ...castTogether(direction),
    relays: relays({ kills: 2, pauses: 1, killEveryMs: 1_000, takeOverMs: TAKE_OVER_MS }, direction),
    broker: troupe({ name: 'broker', size: 1, program: 'broker' }, broker, direction),
  };
}

/** Only the broker knows its database; the others have its address and a token. */
export function castOverTheNetwork(direction: Direction, network: Network): Cast {
  const { orders } = direction;
  const { payment, card } = orders.databases;
  const side = (name: 'payments' | 'cards') => ({
    ...direction,
    orders: { ...orders, databases: { payment, card }, service: network.serviceFor(name) },
  });
  const service = { ...direction, orders: { ...orders, tokens: network.tokens } };
  const deaths = orders.payments < LONG_RUN ? DEATHS.short : DEATHS.long;
  const broker = troupe(
    { name: 'broker', size: 2, program: 'broker-service' },
    { ...deaths, alone: true, atAnyTime: true },
    service,
  );
  network.instances.watch(broker.crew);
  return {
    paymentSystem: paymentSystem({ ...deaths, alone: true }, side('payments')),
    relays: relays(deaths, side('payments')),
    broker,
    cardWorkers: cardWorkers({ ...deaths, ...CARDS_OVER_THE_NETWORK }, side('cards')),
  };
}

/** The engine is not the demo's to kill. Each side has a line of its own to it. */
export function castThroughAnEngine(direction: Direction, engine: Engine): Cast {
  const { orders } = direction;
  const side = (name: 'payments' | 'cards') => ({
    ...direction,
    orders: { ...orders, engine: engine.addressFor(name) },
  });
  const kills = { ...NO_ACCIDENTS, kills: deathsAtAnEngine(orders.payments), killEveryMs: 2_000 };
  // It takes a relay's lease, longer than all of a short run.
  const pauses = orders.payments < PAYMENTS_A_DEATH ? 0 : 1;
  return {
    paymentSystem: paymentSystem({ ...kills, alone: true }, side('payments')),
    relays: relays({ ...kills, pauses, takeOverMs: TAKE_OVER_MS }, side('payments')),
    cardWorkers: cardWorkers({ ...kills, ...CARDS_AT_AN_ENGINE }, side('cards')),
  };
}

/** Of each role; and so often is each kind of cut wanted. */
export function deathsAtAnEngine(payments: number): number {
  return Math.min(6, Math.ceil(payments / PAYMENTS_A_DEATH));
}

export function troupesOf({ paymentSystem, cardWorkers, relays, broker }: Cast): Troupe[] {
  return [paymentSystem, cardWorkers, relays, broker].filter((troupe) => troupe !== undefined);
}

function paymentSystem(accidents: Accidents, direction: Direction): Troupe {
  const role = { name: 'payment system', size: 1, program: 'payment-system' as const, mayEnd: true };
  return troupe(role, accidents, direction);
}

function relays(accidents: Accidents, direction: Direction): Troupe {
  return troupe({ name: 'relay', size: 2, program: 'relay' }, accidents, direction);
}

function cardWorkers(accidents: Accidents, direction: Direction): Troupe {
  return troupe({ name: 'card worker', size: 3, program: 'card-system' }, accidents, direction);
}

function troupe(
  { name, size, program, mayEnd }: { name: string; size: number; program: keyof Programs; mayEnd?: boolean },
  accidents: Accidents,
  { orders, programs, log, over$, handOuts, onEvent }: Direction,
): Troupe {
  const crew = new Crew(name, programs[program], orders, log, mayEnd, handOuts);
  crew.events$.subscribe(onEvent);
  return { crew, size, chaos: new Chaos(crew, accidents, over$) };
}
