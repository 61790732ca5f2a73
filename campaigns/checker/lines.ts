import type { Attempt, Histories, Requeue } from './histories.js';
import { type Entry, entryOf } from './promises.js';
import type { Rows } from './rows.js';

/** What happened to the payments of one account in one group. */
export interface AccountLine {
  group: string;
  account: string;
  entries: Entry[];
  /** Of each card its place among all: later ones are greater. */
  cards: Map<string, number>;
  /** In the order in which they began. */
  attempts: Attempt[];
  requeues: Requeue[];
  /** Reasons of its dead letters, by payment. */
  deaths: Map<string, string[]>;
}

export function linesOf(histories: Histories, rows: Rows, groups: readonly string[]): AccountLine[] {
  const lines = new Map<string, AccountLine>();
  const entries = new Map<string, Entry[]>();
  for (const [id, payment] of rows.payments) {
    const publish = histories.publishes.get(id);
    if (payment.account === undefined || !publish) continue;
    const ofAccount = entries.get(payment.account) ?? [];
    ofAccount.push(entryOf(id, payment, publish));
    entries.set(payment.account, ofAccount);
  }
  for (const group of groups) {
    for (const [account, ofAccount] of entries) {
      lines.set(`${group} ${account}`, {
        group,
        account,
        entries: ofAccount,
        cards: new Map(),
        attempts: [],
        requeues: [],
        deaths: new Map(),
      });
    }
  }
  // What is of no account is of no line; whether it should be there at all is looked at elsewhere.
  const lineOf = (group: string, payment: string) =>
    lines.get(`${group} ${rows.payments.get(payment)?.account}`);
  for (const [place, { payment, group }] of rows.issued.entries()) {
    const cards = lineOf(group, payment)?.cards;
    if (cards && !cards.has(payment)) cards.set(payment, place);
  }
  for (const attempt of histories.attempts) lineOf(attempt.group, attempt.payment)?.attempts.push(attempt);
  for (const requeue of histories.requeues) lineOf(requeue.group, requeue.payment)?.requeues.push(requeue);
  for (const { payment, group, reason } of rows.deaths) {
    const deaths = lineOf(group, payment)?.deaths;
    deaths?.set(payment, [...(deaths.get(payment) ?? []), reason]);
  }
  return [...lines.values()];
}
