import { createHash } from 'node:crypto';

/** JetStream takes 255 bytes, prefix and ending included. */
const LONGEST_READABLE = 180;
/** What the names of topics and groups may have, and its own names and subjects may not. No topic has a `=`. */
const ESCAPED: Record<string, string> = { '.': '_', _: '=u', ':': '=c' };

/** What is called how at the server. Different topics and groups have different names there. */
export class Names {
  constructor(private readonly prefix: string) {}

  /** The stream by which this broker is known. */
  get broker(): string {
    return this.prefix;
  }

  get brokerSubject(): string {
    return `${this.prefix}.broker`;
  }

  /** The messages of a topic. */
  stream(topic: string): string {
    return `${this.prefix}_${token(topic)}`;
  }

  /** Those without an ordering key, or one part of those with one. */
  subject(topic: string, partition?: number): string {
    const ending = partition === undefined ? 'plain' : `key.${partition}`;
    return `${this.prefix}.${token(topic)}.${ending}`;
  }

  /** What a group has still to get of a subject. */
  consumer(group: string, partition?: number): string {
    return `${token(group)}${partition === undefined ? '' : `=key${partition}`}`;
  }
}

function token(name: string): string {
  const readable = name.replace(/[._:]/g, (sign) => ESCAPED[sign]!);
  if (readable.length <= LONGEST_READABLE) return readable;
  return `=h${createHash('sha256').update(name).digest('hex').slice(0, 32)}`;
}
