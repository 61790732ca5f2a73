/** Above every number that a table has counted to, and still a safe integer. */
const LOWEST = 2 ** 52;

/**
 * The number by which a dedup row knows an engine's message: the same for each of its copies, and wherever it waits, since
 * a row that is not finished must be known for this very message's own.
 */
export function deliveryNumber(innerMsgId: Buffer): number {
  // Behind the time and the version: random bits.
  const bits = innerMsgId.readUIntBE(10, 6) * 16 + (innerMsgId[9]! & 0x0f);
  return LOWEST + bits;
}
