import type { DataSourceOptions } from 'typeorm';
import type { BrokerToken } from '../../../src/index.js';

/** What the demo tells a system that it starts. In the environment: everybody can read a process's arguments. */
export interface Orders {
  databases: Databases;
  /** How this system reaches a broker that is a service. */
  service?: { url: string; token: string; timeoutMs: number };
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
  withoutDedup: boolean;
}

export interface Databases {
  payment: DataSourceOptions;
  card: DataSourceOptions;
  /** Left out when all share one, and for whoever reaches it as a service. */
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
