import type { Attempt, OutgoingMessage, Subscription } from '../port.js';

/** A message with all that a table keeps of it. */
export interface AsideMessage extends OutgoingMessage {
  orderingKey: Buffer | undefined;
  expiresAt: number | undefined;
  /** Microseconds since 1970 UTC. */
  landedAt: number;
}

/**
 * The tables of the consumer's own database, which do with a delivery what an engine can't. Once for each message and
 * group, and durable when it resolves: only then may the engine be told that it is done with.
 */
export type SetAside = (
  delivery: { subscription: Subscription; message: AsideMessage; attempt: Attempt },
  to: { delayMs: number } | { reason: string },
) => Promise<boolean>;
