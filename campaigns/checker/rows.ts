import type { Pair } from '../databases/pair.js';
import type { Raw } from '../databases/raw.js';

export interface Payment {
  account: string | undefined;
  /** Given to it while its account was locked. */
  number: number | undefined;
}

/** What the databases hold when everything is through. */
export interface Rows {
  payments: Map<string, Payment>;
  /** Cards, by payment and group. */
  cards: Map<string, Map<string, number>>;
  /** The same in the order in which they were issued. */
  issued: { payment: string; group: string }[];
  /** Messages that were ever stored, by payment. */
  landings: Map<string, number>;
  /** Dead letters that ever were. */
  deaths: { payment: string; group: string; reason: string }[];
  /** Those that there are. */
  deadLetters: number;
  /** That nobody has decided about: what was released leaves a note there. */
  quarantined: number;
}

export async function readRows({ rawBusiness, rawBroker }: Pair): Promise<Rows> {
  const payments = await rawBusiness.query('SELECT payment_id, account_id, number FROM payment');
  const cards = new Map<string, Map<string, number>>();
  const issued = await rawBusiness.query(
    'SELECT payment_id, issued_by, COUNT(*) AS n FROM card GROUP BY payment_id, issued_by',
  );
  for (const { payment_id, issued_by, n } of issued) {
    const ofPayment = cards.get(text(payment_id)) ?? new Map<string, number>();
    cards.set(text(payment_id), ofPayment.set(text(issued_by), Number(n)));
  }
  const inOrder = await rawBusiness.query('SELECT payment_id, issued_by FROM card ORDER BY id');
  const landed = await rawBroker.query('SELECT biz_id, COUNT(*) AS n FROM landing GROUP BY biz_id');
  const died = await rawBroker.query(
    `SELECT l.biz_id, s.group_name, d.reason FROM death d
     JOIN landing l ON l.seq = d.seq JOIN mq_subscription s ON s.id = d.subscription_id ORDER BY d.id`,
  );
  return {
    payments: new Map(
      payments.map(({ payment_id, account_id, number }) => [
        text(payment_id),
        {
          account: account_id === null ? undefined : text(account_id),
          number: number === null ? undefined : Number(number),
        },
      ]),
    ),
    cards,
    issued: inOrder.map(({ payment_id, issued_by }) => ({
      payment: text(payment_id),
      group: text(issued_by),
    })),
    landings: new Map(landed.map(({ biz_id, n }) => [text(biz_id), Number(n)])),
    deaths: died.map(({ biz_id, group_name, reason }) => ({
      payment: text(biz_id),
      group: text(group_name),
      reason: text(reason),
    })),
    deadLetters: await count(rawBroker, 'mq_dead_letter'),
    quarantined: await count(rawBroker, 'mq_quarantine WHERE decision IS NULL'),
  };
}

function text(value: unknown): string {
  return Buffer.isBuffer(value) ? value.toString('utf8') : String(value);
}

async function count(raw: Raw, table: string): Promise<number> {
  const [row] = await raw.query(`SELECT COUNT(*) AS n FROM ${table}`);
  return Number(row!.n);
}
