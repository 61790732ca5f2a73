import { InvalidOptionError } from '../errors/index.js';
import {
  type DeadLetterRow,
  type LibraryConnections,
  deleteDeadLetter,
  insertDeliveryFromDeadLetter,
  listDeadLetters,
  lockDeadLetter,
} from '../storage/index.js';

/** A delivery that is not tried any more. */
export interface DeadLetter extends Omit<DeadLetterRow, 'errors' | 'deadAt' | 'landedAt'> {
  deadAt: Date;
  landedAt: Date;
  /** What went wrong, oldest first. */
  errors: AttemptError[];
}

export interface AttemptError {
  /** ISO 8601. */
  at: string;
  error: string;
}

export class DeadLetters {
  constructor(private readonly connections: LibraryConnections) {}

  /** Newest first. */
  async list({ limit = 100 }: { limit?: number } = {}): Promise<DeadLetter[]> {
    if (!Number.isSafeInteger(limit) || limit < 1) {
      throw new InvalidOptionError('deadLetters.list({ limit })', limit, 'a whole number from 1');
    }
    const { database } = this.connections;
    const rows = await this.connections.control((on) => listDeadLetters(database, on, { limit }));
    return rows.map((row) => ({
      ...row,
      deadAt: new Date(row.deadAt / 1000),
      landedAt: new Date(row.landedAt / 1000),
      errors: row.errors ? (JSON.parse(row.errors.toString('utf8')) as AttemptError[]) : [],
    }));
  }

  /** Back to its group, with its failures forgiven, its history kept and its landing time unchanged. */
  async requeue({ subscriptionId, seq }: { subscriptionId: number; seq: number }): Promise<boolean> {
    const { database } = this.connections;
    return this.connections.controlTransaction(async (on) => {
      if (subscriptionId === 0 || !(await lockDeadLetter(database, on, { subscriptionId, seq })))
        return false;
      await insertDeliveryFromDeadLetter(database, on, { subscriptionId, seq });
      await deleteDeadLetter(database, on, { subscriptionId, seq });
      return true;
    });
  }
}
