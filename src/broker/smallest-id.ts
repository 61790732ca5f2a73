/** The smallest UUIDv7 of this millisecond: every id made before it is below, every id made at it or later is above. */
export function smallestIdAt(ms: number): Buffer {
  const id = Buffer.alloc(16);
  id.writeUIntBE(Math.max(0, Math.floor(ms)), 0, 6);
  id[6] = 0x70;
  id[8] = 0x80;
  return id;
}
