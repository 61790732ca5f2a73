import { createHash, randomBytes } from 'node:crypto';

/** RabbitMQ takes 255 bytes. */
const LONGEST_READABLE = 220;
const KEYED = '.keyed';

/** What is called how at the server. */
export class Names {
  constructor(private readonly prefix: string) {}

  /** Who is subscribed to what. */
  get registry(): string {
    return `${this.prefix}.registry`;
  }

  /** Where it goes what somebody else has sent to a group. */
  get foreign(): string {
    return `${this.prefix}.foreign`;
  }

  /** Where the messages of a topic are sent: those with an ordering key apart. A topic may be called anything, `a.keyed` too. */
  exchange(topic: string, keyed: boolean): string {
    return `${this.prefix}.${keyed ? 'keyed' : 'topic'}.${topic}`;
  }

  /** A name that no queue has had before: one that was deleted is not taken for the one that came after it. */
  newQueue(topic: string, group: string, keyed: boolean): string {
    const readable = `${this.prefix}.${group}.${topic}`;
    const hash = () =>
      createHash('sha256').update(`${group.length}:${group}${topic}`).digest('hex').slice(0, 32);
    const name = readable.length <= LONGEST_READABLE ? readable : `${this.prefix}.${hash()}`;
    return `${name}${keyed ? KEYED : ''}.${randomBytes(4).toString('hex')}`;
  }
}
