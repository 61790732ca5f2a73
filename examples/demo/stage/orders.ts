import type { DataSourceOptions } from 'typeorm';
import type { BrokerToken } from '../../../src/index.js';
import type { EngineAddress } from '../engine/broker-by-engine.js';

/** What the demo tells a system that it starts. In the environment: everybody can read a process's arguments. */
export interface Orders {
  databases: Databases;
  /** How this system reaches a broker that is a service. */
  service?: { url: string; token: string; timeoutMs: number };
  /** How this system reaches an engine in the broker's place. */
  engine?: EngineAddress;
  /** For the broker itself, as a service: who may do what. */
  tokens?: readonly BrokerToken[];
  payments: number;
  /** Of how many payments one is announced twice. */
  oneTwiceIn: number;
  /** How many payments arrive at first, and how quickly, in milliseconds, if the database is fast enough. */
  rush: { payments: number; everyMs: number };
  /** How slowly the others arrive as long as accidents are to happen. */
  lull: { everyMs: number };
  leaseMs: number;
  /** Of how many payments one loses both ACKs. */
  oneUnluckyIn: number;
  /** The file in which the SMS that went out are found. */
  smsLog: string;
  /** A folder in which a process leaves what the others of its kind have to know of. */
  marks: string;
  withoutDedup: boolean;
}

export interface Databases {
  payment: DataSourceOptions;
  card: DataSourceOptions;
  /** Left out when all share one, for whoever reaches it as a service, and where an engine is in its place. */
  broker?: DataSourceOptions;
}

const VARIABLE = 'IDEMPOTENT_MQ_DEMO';

export function environmentWith(orders: Orders): NodeJS.ProcessEnv {
  return { ...process.env, [VARIABLE]: JSON.stringify(orders) };
}

export function receiveOrders(): Orders {
  const text = process.env[VARIABLE];
  if (!text) throw new Error('This is a part of the demo: start it with `npm run demo`.');
  return JSON.parse(text) as Orders;
}
