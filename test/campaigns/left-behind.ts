import type { Histories, Publish } from '../../campaigns/checker/histories.js';
import type { Landing, Rows } from '../../campaigns/checker/rows.js';

export const GROUP = 'cards';

/** What a run has left behind in its databases: nothing, but what is given. */
export function rowsWith(given: Partial<Rows> = {}): Rows {
  return {
    payments: new Map(),
    cards: new Map(),
    dedups: new Map(),
    issued: [],
    landings: [],
    released: [],
    deaths: [],
    orphans: [],
    deadLetters: 0,
    quarantined: 0,
    ...given,
  };
}

/** And in its histories. */
export function historiesWith(given: Partial<Histories> = {}): Histories {
  return {
    publishes: new Map(),
    attempts: [],
    requeues: [],
    releases: new Map(),
    events: new Map(),
    ...given,
  };
}

export function publish(outcome: Publish['outcome'] = 'acknowledged', copies = 1): Publish {
  return { outcome, copies, beganAt: 0, acknowledgedAt: outcome === 'acknowledged' ? 1 : Infinity };
}

export function payments(...ids: string[]): Rows['payments'] {
  return new Map(ids.map((id) => [id, { account: undefined, number: undefined }]));
}

/** Of one payment in {@link GROUP}. */
export function ofPayment(id: string, count: number): Map<string, Map<string, number>> {
  return new Map([[id, new Map([[GROUP, count]])]]);
}

let landed = 0;

/** `P-1@a-1#0`, or `P-1#0` where only one told of it; each has an inner-msg-id of its own unless it is given. */
export function landing(message: string, innerMsgId = `id-${message}-${landed + 1}`): Landing {
  const [telling, copy] = message.split('#') as [string, string];
  return {
    seq: ++landed,
    payment: telling.split('@')[0]!,
    ...{ telling, copy: Number(copy), innerMsgId },
  };
}
