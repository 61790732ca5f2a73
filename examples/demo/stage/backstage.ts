import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DataSource } from 'typeorm';
import { connect } from '../../shared/example-database.js';
import type { Databases } from './orders.js';

export interface Situation {
  paid: number;
  cards: number;
  /** Messages that are still to be sent, and deliveries that are to be made or under way. */
  pending: number;
}

export interface Sms {
  sent: number;
  repeats: number;
}

/** What is seen of a run from outside the systems: the databases, the SMS that went out, what the systems printed. */
export class Backstage {
  private readonly folder = mkdtempSync(join(tmpdir(), 'idempotent-mq-demo-'));
  readonly smsLog = join(this.folder, 'sms.log');
  readonly marks = mkdtempSync(join(this.folder, 'marks-'));
  private readonly printed = join(this.folder, 'systems.log');
  /** A file descriptor. */
  readonly systemsLog = openSync(this.printed, 'a');

  private constructor(
    readonly paymentSystem: DataSource,
    readonly cardSystem: DataSource,
    private readonly broker: DataSource,
  ) {
    process.once('exit', () => rmSync(this.folder, { recursive: true, force: true }));
    writeFileSync(this.smsLog, '');
  }

  static async open({ payment, card, broker = card }: Databases): Promise<Backstage> {
    return new Backstage(await connect(payment), await connect(card), await connect(broker));
  }

  async look(): Promise<Situation> {
    const [{ paid, unsent }] = await this.paymentSystem.query(
      `SELECT (SELECT COUNT(*) FROM payment) AS paid, (SELECT COUNT(*) FROM mq_outbox) AS unsent`,
    );
    // After that: a message is with the broker before it leaves the outbox. What an engine has is told elsewhere (HandOuts).
    const [{ undelivered }] = await this.broker.query(
      `SELECT (SELECT COUNT(*) FROM mq_delivery) + (SELECT COUNT(*) FROM mq_waiting) AS undelivered`,
    );
    const [{ cards }] = await this.cardSystem.query(`SELECT COUNT(*) AS cards FROM card`);
    return { paid: Number(paid), cards: Number(cards), pending: Number(unsent) + Number(undelivered) };
  }

  /** Messages, by what committed with each: a killed payment system may not have told of its last ones. */
  async published(): Promise<number> {
    const [{ n }] = await this.paymentSystem.query('SELECT SUM(announcements) AS n FROM payment');
    return Number(n);
  }

  /** Messages that the broker has stored: a killed relay may not have told of its last ones. */
  async landed(): Promise<number> {
    const [{ n }] = await this.broker.query('SELECT COUNT(*) AS n FROM mq_accepted');
    return Number(n);
  }

  /** What the customers' telephones say. */
  sms(): Sms {
    const lines = readFileSync(this.smsLog, 'utf8').split('\n').filter(Boolean);
    return { sent: lines.length, repeats: lines.length - new Set(lines).size };
  }

  lastWords(): string {
    return readFileSync(this.printed, 'utf8').split('\n').slice(-20).join('\n').trim();
  }
}
