import type { ClaimAnswer, KeySearch } from '../transport/port.js';

const FIRST_KEY = Buffer.alloc(0);
/** After a round that found nothing, as a multiple of the time that it took. */
const REST = 4;
/** A round may have taken long because the process or the broker stood still, which says nothing of its keys. */
const LONGEST_REST_MS = 30_000;

/** Where a worker is in its rounds over the ordering keys of its subscription: so each key gets its turn. */
export class KeyRounds {
  private after: Buffer = FIRST_KEY;
  /** Where the round under way began; undefined: there is nothing to look for. */
  private until: Buffer | undefined;
  private first = false;
  private beganAt = 0;
  private foundSome = false;
  private restUntil = -Infinity;

  /** Something may be there to be claimed, at any key: one whole round from here. */
  begin(): void {
    if (!this.until) [this.beganAt, this.foundSome] = [performance.now(), false];
    // A copy, by which a round that began meanwhile is told from the one before.
    this.until = Buffer.from(this.after);
  }

  /** The poll says that there are some. Where all of very many wait, a round takes its time, and rests for some more. */
  beginIfRested(): void {
    if (!this.until && performance.now() >= this.restUntil) this.begin();
  }

  /** What to ask the broker for; undefined when nothing. */
  get search(): KeySearch | undefined {
    return this.until && { after: this.after, until: this.until, first: this.first };
  }

  /** A claim has come that far. A round that has begun anew meanwhile goes on. */
  goOn(search: KeySearch, { after, exhausted }: NonNullable<ClaimAnswer['keys']>, foundSome = false): void {
    this.foundSome ||= foundSome;
    this.after = after;
    this.first = !search.first;
    if (this.until !== search.until) this.begin();
    else if (exhausted) this.end();
  }

  private end(): void {
    this.until = undefined;
    const now = performance.now();
    if (!this.foundSome) this.restUntil = now + Math.min(LONGEST_REST_MS, REST * (now - this.beganAt));
  }
}
