const HEX = '[0-9a-fA-F]';

/** Ids of 16 bytes, as text: `018f3c1e-7a2b-7c3d-8e4f-5a6b7c8d9e0f`. */
export const UUID = `^${HEX}{8}-${HEX}{4}-${HEX}{4}-${HEX}{4}-${HEX}{12}$`;

/** What an inner-msg-id must be (RFC 9562): the time that is in it says how long ago it was made. */
export const UUID_V7 = `^${HEX}{8}-${HEX}{4}-7${HEX}{3}-[89abAB]${HEX}{3}-${HEX}{12}$`;

export function uuidOf(bytes: Buffer): string {
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

export function bytesOf(uuid: string): Buffer {
  return Buffer.from(uuid.replaceAll('-', ''), 'hex');
}
