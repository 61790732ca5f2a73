import { randomBytes } from 'node:crypto';
import { ScopeDoomedError } from '../errors/index.js';
import {
  type Connection,
  type Database,
  type DedupRow,
  type MarkedRows,
  replaceDedupToken,
  takeBackDedups,
} from '../storage/index.js';
import type { SessionWatch } from './session-watch.js';

/**
 * The token by which the last statement of a scope knows its dedup row, or rows. Once something has committed them early,
 * they are there whatever is rolled back later, and prove nothing. So they get a new token in the transaction that follows:
 * if that one is undone, so is the token.
 */
export class DedupMark implements MarkedRows {
  readonly scenarioId: number;
  private stillMarked: readonly [Buffer, ...Buffer[]];
  private readonly tokens: [Buffer, ...Buffer[]];
  private hasEnded = false;
  private renewal: Promise<void> | undefined;

  constructor(
    private readonly database: Database,
    private readonly on: Connection,
    private readonly session: SessionWatch,
    { scenarioId, bizIds, token }: MarkedRows,
  ) {
    this.scenarioId = scenarioId;
    this.stillMarked = bizIds as [Buffer, ...Buffer[]];
    this.tokens = [token];
  }

  get bizIds(): readonly [Buffer, ...Buffer[]] {
    return this.stillMarked;
  }

  /** Of the one row, where it is one. */
  get bizId(): Buffer {
    return this.bizIds[0];
  }

  get token(): Buffer {
    return this.tokens[0];
  }

  /** No statement of the handler may run before it is renewed. */
  get isDue(): boolean {
    return this.hasEnded;
  }

  /** The transaction that bore it. */
  transactionEnded(): void {
    this.hasEnded = true;
  }

  /** Dooms the scope when one of them is not there any more, so that what follows is not committed. */
  renew(): Promise<void> {
    return (this.renewal ??= this.replace().finally(() => {
      this.renewal = undefined;
    }));
  }

  /**
   * Takes back the rows of those whose work has not begun.
   *
   * @returns whether they were there
   */
  async leaveOut(bizIds: readonly Buffer[]): Promise<boolean> {
    const { scenarioId, token } = this;
    const { affected } = await takeBackDedups(this.database, this.on, { scenarioId, bizIds, token });
    const stay = this.bizIds.filter((bizId) => !bizIds.some((one) => one.equals(bizId)));
    this.stillMarked = stay as [Buffer, ...Buffer[]];
    return affected === bizIds.length;
  }

  isOn(row: DedupRow): boolean {
    return this.tokens.some((token) => token.equals(row.token));
  }

  private async replace(): Promise<void> {
    const next = randomBytes(16);
    try {
      const { affected } = await replaceDedupToken(this.database, this.on, this, next);
      if (affected !== this.bizIds.length)
        throw new ScopeDoomedError('its transaction was rolled back, and its dedup row with it');
      this.tokens.unshift(next);
      this.hasEnded = false;
    } catch (error) {
      this.session.doom(error);
    }
  }
}
