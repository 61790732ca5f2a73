import { setTimeout as pause } from 'node:timers/promises';

/** A COMMIT that nobody answers counts as unknown after so long, in milliseconds. */
const PATIENCE_MS = 2_500;

export type PublishOutcome =
  { publish: 'acknowledged' } | { publish: 'unknown'; error: string } | { publish: 'failed'; error: string };

/** What a publisher knows of its transaction, in the end or after having waited long enough. */
export async function outcomeOf(
  publishing: Promise<unknown>,
  isCommitting: () => boolean,
): Promise<PublishOutcome> {
  return Promise.race([
    publishing.then(
      (): PublishOutcome => ({ publish: 'acknowledged' }),
      (error: unknown): PublishOutcome => ({
        publish: isCommitting() ? 'unknown' : 'failed',
        error: String(error),
      }),
    ),
    // It may still be on its way to COMMIT.
    pause<PublishOutcome>(PATIENCE_MS, { publish: 'unknown', error: 'nobody answered' }, { ref: false }),
  ]);
}
