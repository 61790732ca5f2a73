import { Messages } from './messages.js';
import type { Answer, Command, Conversation } from './protocol.js';

const HEADER_BYTES = 4;
const QUERY = 3;
/** No attributes, as MySQL from 8.0.23 has it put in front of a query. */
const NO_ATTRIBUTES = Buffer.of(0, 1);
const ERROR = 0xff;
const ERRORS = new Map<number, Answer>([
  [1062, 'duplicate'],
  [1213, 'deadlock'],
]);

/** Packets of MySQL and MariaDB. mysql2 puts values into the text of a query, and waits for an answer before the next one. */
export function mysqlConversation(): Conversation {
  const packets = new Messages((begun) =>
    begun.length < HEADER_BYTES ? undefined : HEADER_BYTES + begun.readUIntLE(0, 3),
  );
  return {
    commands: (chunk) =>
      [...packets.endingIn(chunk)].flatMap(({ bytes, from }): Command[] => {
        const sql = queryIn(bytes);
        return sql === undefined ? [] : [{ sql, values: [], from }];
      }),
    answers: (chunk) => [answerIn(chunk)],
  };
}

/** Packets with another number than 0 belong to the handshake. */
function queryIn(packet: Buffer): string | undefined {
  const [, , , number, kind] = packet;
  if (number !== 0 || kind !== QUERY) return undefined;
  const text = packet.subarray(HEADER_BYTES + 1);
  const isBehind = text.subarray(0, NO_ATTRIBUTES.length).equals(NO_ATTRIBUTES);
  return text.toString('latin1', isBehind ? NO_ATTRIBUTES.length : 0);
}

/** The first packet says it. */
function answerIn(packet: Buffer): Answer {
  if (packet[HEADER_BYTES] !== ERROR) return 'done';
  return ERRORS.get(packet.readUInt16LE(HEADER_BYTES + 1)) ?? 'failed';
}
