import { Problem } from '../wire/index.js';
import type { Caller } from './tokens.js';

export interface KnownSubscription {
  id: number;
  topic: string;
  group: string;
}

/** Whose a subscription's number is. It stays whose it is, so it is remembered: as many as the database has of them. */
export class KnownSubscriptions {
  private readonly known = new Map<number, KnownSubscription>();

  constructor(private readonly find: (id: number) => Promise<KnownSubscription | undefined>) {}

  /** @throws Problem SUBSCRIPTION_UNKNOWN, SCOPE_MISSING */
  async ofCaller(id: number, caller: Caller): Promise<KnownSubscription> {
    const found = this.known.get(id) ?? (await this.find(id));
    if (!found) {
      throw new Problem(
        'SUBSCRIPTION_UNKNOWN',
        `There is no subscription ${id} (any more): subscribe again.`,
      );
    }
    this.known.set(id, found);
    if (caller.mayConsume(found.group)) return found;
    throw new Problem('SCOPE_MISSING', `The token ${caller.name} may not consume as ${found.group}.`);
  }
}
