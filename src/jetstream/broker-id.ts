import { randomBytes } from 'node:crypto';
import { RetentionPolicy, StorageType } from '@nats-io/jetstream';
import { isApiError } from './api-errors.js';
import type { JetstreamConnection } from './connection.js';
import type { Names } from './names.js';
import { DESCRIPTION } from './streams.js';

/** By which this broker is known: the first message of a stream of its own. Who has lost it has lost all. */
export class BrokerId {
  constructor(
    private readonly connection: JetstreamConnection,
    private readonly names: Names,
    private readonly replicas: number,
  ) {}

  /** Asked anew each time: a server that comes back may have come back with nothing. */
  async read(): Promise<Buffer> {
    return (await this.stored()) ?? (await this.make());
  }

  private async stored(): Promise<Buffer | undefined> {
    const { broker, brokerSubject } = this.names;
    try {
      const query = { last_by_subj: brokerSubject };
      const message = await this.connection.ask(({ manager }) => manager.streams.getMessage(broker, query));
      return message ? Buffer.from(message.data) : undefined;
    } catch (error) {
      if (isApiError(error, 'messageNotFound', 'streamNotFound')) return undefined;
      throw error;
    }
  }

  private async make(): Promise<Buffer> {
    const { broker, brokerSubject } = this.names;
    await this.connection
      .ask(({ manager }) =>
        manager.streams.add({
          name: broker,
          description: DESCRIPTION,
          subjects: [brokerSubject],
          storage: StorageType.File,
          retention: RetentionPolicy.Limits,
          num_replicas: this.replicas,
        }),
      )
      .catch((error: unknown) => {
        if (!isApiError(error, 'streamExists')) throw error;
      });
    const id = randomBytes(16);
    const isFirst = { expect: { lastSubjectSequence: 0 } };
    try {
      await this.connection.ask(({ messages }) => messages.publish(brokerSubject, id, isFirst));
      return id;
    } catch (error) {
      const other = isApiError(error, 'wrongLastSequence') ? await this.stored() : undefined;
      if (other) return other;
      throw error;
    }
  }
}
