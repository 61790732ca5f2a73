import type { Cuts } from '../engine/cuts.js';
import type { EngineServer } from '../engine/engine-server.js';
import type { Network } from '../wire/network.js';
import type { Sms } from './backstage.js';
import type { Damages } from './cast.js';
import type { Verdict } from './checker.js';
import type { Tally } from './tally.js';
import type { Story } from './timeline.js';

/** What came of a run, and what befell it. */
export interface Results {
  payments: number;
  /** Payment system and card system have a database each, and the broker is elsewhere. */
  apart: boolean;
  withoutDedup: boolean;
  published: number;
  landed: number;
  tally: Tally;
  faults: Damages;
  /** Where the broker is a service. */
  network?: Pick<Network['faults'], 'counts' | 'late' | 'wanted'>;
  /** Where an engine is in the broker's place. */
  engine?: EngineResults;
  /** Of a message that lost both ACKs. */
  story: (Story & { cards: number }) | undefined;
  crashes: readonly string[];
  sms: Sms;
  verdict: Verdict;
}

export interface EngineResults extends Pick<EngineServer, 'name' | 'campaign' | 'absorbsResends'> {
  cuts: Pick<Cuts, 'counts' | 'wanted'>;
  connectionsCut: number;
  /** Messages that it had still for somebody when all had ended. */
  left: number;
}
