import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DataSource } from 'typeorm';
import { type ExampleDatabase, connect } from '../../shared/example-database.js';

export interface Situation {
  paid: number;
  cards: number;
  /** Deliveries that are to be made or under way. */
  pending: number;
}

export interface Sms {
  sent: number;
  repeats: number;
}

/** What is seen of a run from outside the systems: the database, the SMS that went out, what the systems printed. */
export class Backstage {
  private readonly folder = mkdtempSync(join(tmpdir(), 'idempotent-mq-demo-'));
  readonly smsLog = join(this.folder, 'sms.log');
  private readonly printed = join(this.folder, 'systems.log');
  /** A file descriptor. */
  readonly systemsLog = openSync(this.printed, 'a');

  private constructor(readonly connection: DataSource) {
    process.once('exit', () => rmSync(this.folder, { recursive: true, force: true }));
    writeFileSync(this.smsLog, '');
  }

  static async open({ options }: ExampleDatabase): Promise<Backstage> {
    return new Backstage(await connect(options));
  }

  async look(): Promise<Situation> {
    const [row] = await this.connection.query(
      `SELECT (SELECT COUNT(*) FROM payment) AS paid,
              (SELECT COUNT(*) FROM card) AS cards,
              (SELECT COUNT(*) FROM mq_delivery) + (SELECT COUNT(*) FROM mq_waiting) AS pending`,
    );
    return { paid: Number(row.paid), cards: Number(row.cards), pending: Number(row.pending) };
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
