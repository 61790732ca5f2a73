import { randomBytes } from 'node:crypto';

/**
 * The ids that the library gives to messages: UUIDv7 (RFC 9562), as 16 bytes. Within a process each is greater than the
 * one before, also within a millisecond and when the clock is set back: the 74 bits behind the time are a counter there,
 * begun at random (method 2 of section 6.2).
 */
export class InnerMsgIds {
  private lastMs = 0;
  private counter = 0n;

  constructor(private readonly clock: () => number = Date.now) {}

  /** One for the process: named instances, and the ESM and the CommonJS copy of the library, share it. */
  static ofProcess(): InnerMsgIds {
    const key = Symbol.for('nestjs-idempotent-mq.inner-msg-ids');
    const registry = globalThis as { [key: symbol]: InnerMsgIds | undefined };
    return (registry[key] ??= new InnerMsgIds());
  }

  next(): Buffer {
    const now = this.clock();
    if (now > this.lastMs) {
      this.lastMs = now;
      this.counter = randomCounter();
    } else if (++this.counter > MAX_COUNTER) {
      this.lastMs++;
      this.counter = randomCounter();
    }
    return encode(this.lastMs, this.counter);
  }
}

const COUNTER_BITS = 74n;
const MAX_COUNTER = (1n << COUNTER_BITS) - 1n;
const LOW_BITS = 62n;

/** The highest bit stays free, so that there is room to count. */
function randomCounter(): bigint {
  const random = BigInt(`0x${randomBytes(10).toString('hex')}`);
  return random & (MAX_COUNTER >> 1n);
}

function encode(ms: number, counter: bigint): Buffer {
  const id = Buffer.alloc(16);
  id.writeUIntBE(ms, 0, 6);
  id.writeUInt16BE(0x7000 | Number(counter >> LOW_BITS), 6);
  id.writeBigUInt64BE((0b10n << LOW_BITS) | (counter & ((1n << LOW_BITS) - 1n)), 8);
  return id;
}

/** The millisecond that stands in an id. */
export function timeOf(innerMsgId: Buffer): number {
  return innerMsgId.readUIntBE(0, 6);
}
