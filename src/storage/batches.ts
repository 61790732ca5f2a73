import { InvalidPayloadError } from '../errors/index.js';

export interface StatementLimits {
  /** Rows of one INSERT. */
  maxRows: number;
  /** Bytes of one INSERT's values. */
  maxBytes: number;
  /** The server's max_allowed_packet: past it, the connection dies. */
  packetBytes: number;
}

interface Sized {
  body: Buffer;
  bizId: Buffer;
  headers: Buffer | null;
}

/** @throws InvalidPayloadError, before the first batch, when the server takes no packet that long */
export function batchesOf<Message extends Sized>(
  messages: readonly Message[],
  limits: StatementLimits,
): Message[][] {
  const batches: Message[][] = [];
  let bytes = 0;
  for (const message of messages) {
    const size = wireSize(message);
    if (!fitsPacket(size, limits)) throw tooLargeForServer(size, limits.packetBytes);
    const last = batches.at(-1);
    if (last && last.length < limits.maxRows && bytes + size <= limits.maxBytes) {
      last.push(message);
      bytes += size;
    } else {
      batches.push([message]);
      bytes = size;
    }
  }
  return batches;
}

/** Of a statement, beside what the row itself has that may be long. The longest is that of the quarantine. */
const STATEMENT_BYTES = 2_000;

/** Whether the server takes a statement with this row alone. Past its limit, the connection dies. */
export function fitsPacket(size: number, { packetBytes }: Pick<StatementLimits, 'packetBytes'>): boolean {
  return size + STATEMENT_BYTES <= packetBytes;
}

/** Bytes travel as hexadecimal digits, two for each. */
export function wireSize({ body, bizId, headers }: Sized): number {
  return 2 * (body.length + bizId.length + (headers?.length ?? 0)) + 200;
}

function tooLargeForServer(size: number, packetBytes: number): InvalidPayloadError {
  return new InvalidPayloadError(
    `The message takes ${size} bytes on the wire, more than the server accepts in one packet (max_allowed_packet = ${packetBytes}). ` +
      'Raise that setting of the server, or store large data elsewhere and publish where it is.',
  );
}
