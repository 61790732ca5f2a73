import { Messages } from './messages.js';
import type { Answer, Command, Conversation } from './protocol.js';

/** A letter for the kind, and four bytes for the length of all but the letter. */
const HEADER_BYTES = 5;
const MAJOR_VERSION = 3;
const ERRORS = new Map<string, Answer>([
  ['23505', 'duplicate'],
  ['40P01', 'deadlock'],
]);

/** Of what is completed, where that says more than that it is. */
const TAGS = new Map<string, Answer>([
  ['INSERT 0 0', 'duplicate'],
  ['ROLLBACK', 'rolled-back'],
]);

/**
 * Messages of PostgreSQL's protocol 3, which nobody may have encrypted. node-postgres sends a query without values as it is, one
 * with values as several messages, and waits until the server is ready for the next one.
 */
export function postgresConversation(): Conversation {
  const asked = new Asked();
  const told = new Told();
  return {
    commands: (chunk) => asked.commands(chunk),
    answers: (chunk) => told.answers(chunk),
  };
}

class Asked {
  /** What comes before the protocol's version is known has no letter. */
  private started = false;
  /** By the name that the client has given them. */
  private readonly prepared = new Map<string, string>();
  private readonly messages = new Messages((begun) => {
    if (!this.started) return begun.length < 4 ? undefined : begun.readUInt32BE(0);
    return lengthOf(begun);
  });

  commands(chunk: Buffer): Command[] {
    const commands: Command[] = [];
    for (const { bytes, from } of this.messages.endingIn(chunk)) {
      if (this.started) commands.push(...this.commandIn(bytes, from));
      else this.started = bytes.readUInt16BE(4) === MAJOR_VERSION;
    }
    return commands;
  }

  private commandIn(message: Buffer, from: number): Command[] {
    const body = new Fields(message.subarray(HEADER_BYTES));
    switch (String.fromCharCode(message[0]!)) {
      case 'Q':
        return [{ sql: body.text(), values: [], from }];
      case 'P':
        this.prepared.set(body.text(), body.text());
        return [];
      case 'B': {
        // The name of what it makes, which nobody uses.
        body.text();
        const sql = this.prepared.get(body.text()) ?? '';
        return [{ sql, values: body.boundValues(), from }];
      }
      default:
        return [];
    }
  }
}

class Told {
  private last: Answer | undefined;
  private readonly messages = new Messages(lengthOf);

  /** An answer is complete when the server is ready for the next command. Notices and notifications may come at any time. */
  answers(chunk: Buffer): Answer[] {
    const answers: Answer[] = [];
    for (const { bytes } of this.messages.endingIn(chunk)) {
      const body = new Fields(bytes.subarray(HEADER_BYTES));
      const kind = String.fromCharCode(bytes[0]!);
      if (kind === 'C') this.last = TAGS.get(body.text()) ?? 'done';
      if (kind === 'E') this.last = ERRORS.get(body.sqlState()) ?? 'failed';
      if (kind !== 'Z') continue;
      if (this.last) answers.push(this.last);
      this.last = undefined;
    }
    return answers;
  }
}

function lengthOf(begun: Buffer): number | undefined {
  return begun.length < HEADER_BYTES ? undefined : 1 + begun.readUInt32BE(1);
}

/** Reads what a message holds, from its beginning on. */
class Fields {
  private at = 0;

  constructor(private readonly bytes: Buffer) {}

  /** Up to the zero behind it. */
  text(): string {
    const end = this.bytes.indexOf(0, this.at);
    const text = this.bytes.toString('latin1', this.at, end);
    this.at = end + 1;
    return text;
  }

  boundValues(): (Buffer | null)[] {
    // How each of them is written.
    this.at += 2 + 2 * this.bytes.readUInt16BE(this.at);
    const count = this.bytes.readUInt16BE(this.at);
    this.at += 2;
    return Array.from({ length: count }, () => {
      const length = this.bytes.readInt32BE(this.at);
      const from = this.at + 4;
      this.at = from + Math.max(0, length);
      return length < 0 ? null : this.bytes.subarray(from, this.at);
    });
  }

  /** Of an error: a letter before each of its texts, and a zero behind the last. */
  sqlState(): string {
    while (this.at < this.bytes.length - 1) {
      const letter = String.fromCharCode(this.bytes[this.at++]!);
      const text = this.text();
      if (letter === 'C') return text;
    }
    return '';
  }
}
