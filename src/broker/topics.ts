import { type LibraryConnections, NamedIds, findTopic, insertTopic } from '../storage/index.js';

/** Which number each topic has in the database. */
export class Topics extends NamedIds {
  constructor(connections: LibraryConnections) {
    super(connections, { find: findTopic, insert: insertTopic });
  }

  /** At start: a business transaction is no place to create a topic. */
  async register(names: readonly string[]): Promise<void> {
    for (const name of names) await this.idOf(name);
  }
}
