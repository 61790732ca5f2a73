import { ConfigurationError } from '../../errors/index.js';

/** What is used here of a client of node-postgres. */
export interface PostgresClient extends NodeJS.EventEmitter {
  end(callback: () => void): void;
  /** I: in none, T: in one, E: in one that was aborted; null: not told yet. */
  getTransactionStatus(): 'I' | 'T' | 'E' | null;
}

/**
 * Whether the session is in no transaction, as the server has said with its last answer.
 *
 * @throws ConfigurationError where the driver doesn't pass that on
 */
export function isOutOfTransaction(client: PostgresClient): boolean {
  if (typeof client.getTransactionStatus !== 'function') {
    throw new ConfigurationError(
      'This version of pg does not say whether a connection is in a transaction (client.getTransactionStatus). Install pg 8.23 or later.',
    );
  }
  return client.getTransactionStatus() === 'I';
}
