/** A message, and where it begins in the chunk that it ends in; 0 where it began in an earlier one. */
export interface Message {
  bytes: Buffer;
  from: number;
}

/** Puts a stream of messages together again: several may come in one chunk, and one in several. */
export class Messages {
  private rest: Buffer = Buffer.alloc(0);

  /** @param lengthOf how long the message is that begins here; undefined as long as that is not known */
  constructor(private readonly lengthOf: (begun: Buffer) => number | undefined) {}

  /** Those that end in this chunk. Each is to be read before the next is asked for, which may be of another kind. */
  *endingIn(chunk: Buffer): Generator<Message> {
    const before = this.rest.length;
    this.rest = before === 0 ? chunk : Buffer.concat([this.rest, chunk]);
    for (let at = -before; ;) {
      const length = this.lengthOf(this.rest);
      if (length === undefined || this.rest.length < length) return;
      const bytes = this.rest.subarray(0, length);
      this.rest = this.rest.subarray(length);
      yield { bytes, from: Math.max(0, at) };
      at += length;
    }
  }
}
