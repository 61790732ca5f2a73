import type { Logger } from '@nestjs/common';
import type { IdempotentMqEventOf as Of, IdempotentMqEvents } from './events/index.js';

const WHAT_TO_DO = 'docs/operations.md, "An old transaction is open"';

/** What an operator must hear of transactions that keep deleted rows from being purged. */
export function logWatchingEvents(
  events: Pick<IdempotentMqEvents, 'of'>,
  logger: Pick<Logger, 'warn'>,
): void {
  events.of('old-transaction').subscribe((event) => logger.warn(oldTransaction(event)));
  events.of('wal-held').subscribe((event) => logger.warn(heldLog(event)));
}

function oldTransaction({
  database,
  connectionId,
  user,
  host,
  schema,
  openMs,
  running,
  forMs,
  others,
}: Of<'old-transaction'>): string {
  const doing = `${running === undefined ? 'idle' : `running ${running}`} for ${seconds(forMs)}`;
  const more = others > 0 ? ` ${others} more are open as well.` : '';
  return (
    `A transaction has been open for ${seconds(openMs)} on the server of ${database}: connection ${connectionId}, ` +
    `${user} from ${host}, ${schema === undefined ? 'no database chosen' : `database ${schema}`}, ${doing}.${more} ` +
    'As long as it is, the server can purge nothing that is deleted, and claims and forgetting get slower. ' +
    `Find who holds it, or end it: KILL ${connectionId}, on PostgreSQL SELECT pg_terminate_backend(${connectionId}) (${WHAT_TO_DO}).`
  );
}

function heldLog({ file, bytes, oldest }: Of<'wal-held'>): string {
  const who = oldest
    ? `The oldest transaction of this process is that of ${oldest.name}, open for ${seconds(oldest.openMs)}.`
    : `No transaction of this process is open: look for another one that has the file open (lsof ${file}).`;
  return (
    `${Math.round(bytes / 1024 / 1024)} MiB of ${file} can't be taken into the database's file, because somebody has been reading since before they were written. ` +
    `It grows for as long as that goes on. ${who} (${WHAT_TO_DO}.)`
  );
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}
