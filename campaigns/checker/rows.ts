import type { Pair } from '../databases/pair.js';
import type { Raw, Row } from '../databases/raw.js';
import type { Payment as Body } from '../processes/payment.js';

export interface Payment {
  account: string | undefined;
  /** Given to it while its account was locked. */
  number: number | undefined;
}

/** A message that was stored once, whatever became of it. */
export interface Landing {
  seq: number;
  /** By its biz-id. */
  payment: string;
  /** By its body: who published it, and as the how manieth of its messages. */
  telling: string;
  copy: number;
  innerMsgId: string;
}

export interface Death {
  seq: number;
  payment: string;
  group: string;
  reason: string;
}

/** By payment and group. */
export type CountsOfGroups = Map<string, Map<string, number>>;

/** What the databases hold when everything is through. */
export interface Rows {
  payments: Map<string, Payment>;
  cards: CountsOfGroups;
  /** Dedup rows that there are, and those that were forgotten where that is noted. */
  dedups: CountsOfGroups;
  /** Cards in the order in which they were issued. */
  issued: { payment: string; group: string }[];
  landings: Landing[];
  /** Copies that were released from quarantine. */
  released: { payment: string; innerMsgId: string }[];
  /** Dead letters that ever were. */
  deaths: Death[];
  /** Rows that nobody knows any more whose they are, and what is missing. */
  orphans: string[];
  /** Those that there are. */
  deadLetters: number;
  /** That nobody has decided about: what was released leaves a note there. */
  quarantined: number;
}

export async function readRows({ rawBusiness, rawBroker }: Pair): Promise<Rows> {
  const payments = await rawBusiness.query('SELECT payment_id, account_id, number FROM payment');
  const inOrder = await rawBusiness.query(
    'SELECT payment_id AS payment, issued_by AS grp FROM card ORDER BY id',
  );
  const noted = await rawBusiness.query(
    `SELECT k.biz_id AS payment, s.group_name AS grp, k.source_id
     FROM (SELECT biz_id, source_id FROM mq_dedup UNION ALL SELECT biz_id, source_id FROM forgotten) k
     LEFT JOIN mq_scenario_source s ON s.id = k.source_id`,
  );
  const landed = await rawBroker.query('SELECT seq, biz_id, inner_msg_id, body FROM landing ORDER BY seq');
  const died = await rawBroker.query(
    `SELECT d.seq, d.reason, d.subscription_id, l.biz_id AS payment, s.group_name AS grp FROM death d
     LEFT JOIN landing l ON l.seq = d.seq LEFT JOIN mq_subscription s ON s.id = d.subscription_id ORDER BY d.id`,
  );
  const released = await rawBroker.query(
    `SELECT biz_id, inner_msg_id FROM mq_quarantine WHERE decision = ?`,
    [Buffer.from('released')],
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
    cards: countByGroup(inOrder),
    dedups: countByGroup(noted.filter(({ grp }) => grp !== null)),
    issued: inOrder.map(({ payment, grp }) => ({ payment: text(payment), group: text(grp) })),
    landings: landed.map(toLanding),
    released: released.map(({ biz_id, inner_msg_id }) => ({
      payment: text(biz_id),
      innerMsgId: hex(inner_msg_id),
    })),
    deaths: died
      .filter(({ payment, grp }) => payment !== null && grp !== null)
      .map(({ seq, payment, grp, reason }) => ({
        seq: Number(seq),
        payment: text(payment),
        group: text(grp),
        reason: text(reason),
      })),
    orphans: [
      ...noted
        .filter(({ grp }) => grp === null)
        .map(
          ({ payment, source_id }) =>
            `${text(payment)}: a dedup row of source ${text(source_id)}, which is not there`,
        ),
      ...died
        .filter(({ payment, grp }) => payment === null || grp === null)
        .map(
          ({ seq, payment, grp, subscription_id, reason }) =>
            `${payment === null ? `message ${text(seq)}, which never landed` : text(payment)}: dead as ${text(reason)} ` +
            (grp === null
              ? `in subscription ${text(subscription_id)}, which is not there`
              : `in ${text(grp)}`),
        ),
    ],
    deadLetters: await count(rawBroker, 'mq_dead_letter'),
    quarantined: await count(rawBroker, 'mq_quarantine WHERE decision IS NULL'),
  };
}

function toLanding({ seq, biz_id, inner_msg_id, body }: Row): Landing {
  const { telling, copy } = JSON.parse(text(body)) as Body;
  return { seq: Number(seq), payment: text(biz_id), telling, copy, innerMsgId: hex(inner_msg_id) };
}

function countByGroup(rows: readonly Row[]): CountsOfGroups {
  const counts: CountsOfGroups = new Map();
  for (const row of rows) {
    const [payment, group] = [text(row.payment), text(row.grp)];
    const ofPayment = counts.get(payment) ?? new Map<string, number>();
    counts.set(payment, ofPayment.set(group, (ofPayment.get(group) ?? 0) + 1));
  }
  return counts;
}

function text(value: unknown): string {
  return Buffer.isBuffer(value) ? value.toString('utf8') : String(value);
}

function hex(value: unknown): string {
  return (value as Buffer).toString('hex');
}

async function count(raw: Raw, table: string): Promise<number> {
  const [row] = await raw.query(`SELECT COUNT(*) AS n FROM ${table}`);
  return Number(row!.n);
}
