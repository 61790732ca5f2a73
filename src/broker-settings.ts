/** Of one INSERT. SQLite takes 32,766 parameters in a statement, and a message needs five. */
export const LANDING_ROWS = 6_000;
/** Of one INSERT on the wire: a quarter of the smallest max_allowed_packet that a server has by default (MariaDB, 16 MiB). */
const LANDING_BYTES = 4 * 1024 * 1024;
/** It mends what a process that died has left, whose deliveries come again no sooner than after a lease: as long as that. */
export const SWEEP_INTERVAL_MS = 30_000;
/** ACKs that come within this time share one DELETE, and a message is gone before anybody looks. */
export const DROP_DELAY_MS = 50;

export function statementLimits(maxRows: number, packetBytes: number) {
  return { maxRows, maxBytes: Math.min(LANDING_BYTES, packetBytes / 2), packetBytes };
}
