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

  constructor(private readonly find: (ids: readonly number[]) => Promise<KnownSubscription[]>) {}

  /**
   * Each, or undefined where there is none of that number (any more). One look for all that are not known yet.
   *
   * @throws Problem SCOPE_MISSING where one is not the caller's
   */
  async ofCaller(ids: readonly number[], caller: Caller): Promise<(KnownSubscription | undefined)[]> {
    const unknown = [...new Set(ids)].filter((id) => !this.known.has(id));
    if (unknown.length > 0) for (const one of await this.find(unknown)) this.known.set(one.id, one);
    const found = ids.map((id) => this.known.get(id));
    const others = found.find((one) => one && !caller.mayConsume(one.group, one.topic));
    if (!others) return found;
    throw new Problem(
      'SCOPE_MISSING',
      `The token ${caller.name} may not consume ${others.topic} as ${others.group}.`,
    );
  }
}
