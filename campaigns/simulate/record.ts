/** What a business attempted, and what it was told. */
export interface Publish {
  readonly id: string;
  readonly bizId: string;
  readonly copies: number;
  readonly key: string | undefined;
  readonly beganAt: number;
  /** `unknown` until it hears more: its process may die. */
  outcome: 'unknown' | 'acknowledged' | 'failed';
  acknowledgedAt: number;
}

/** Beside the databases, what there is to judge by. It outlives the processes. */
export class Record {
  readonly publishes: Publish[] = [];
  /** What an operator has decided about, since it was in quarantine. */
  readonly setAside = new Set<string>();
  /** When each group was first told that it had subscribed: what lands from then on is for it. */
  readonly subscribedAt = new Map<string, number>();
  /** What must never happen, whatever is in the tables. */
  readonly wrongs: string[] = [];

  subscribed(group: string, at: number): void {
    if (!this.subscribedAt.has(group)) this.subscribedAt.set(group, at);
  }
}
