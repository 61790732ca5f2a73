import type { LibraryConnections } from './connections/library-connections.js';
import type { Connection } from './execute.js';
import type { Database } from './tables.js';

export interface NamedRows {
  find(database: Database, on: Connection, name: string): Promise<number | undefined>;
  /** May fail on a duplicate key when another process was quicker: then it is there. */
  insert(database: Database, on: Connection, name: string): Promise<void>;
}

/** The numbers that names (of topics, of scenarios) have in the database. A number never changes, so it is remembered. */
export class NamedIds {
  private readonly ids = new Map<string, number>();

  constructor(
    private readonly connections: Pick<LibraryConnections, 'database' | 'control'>,
    private readonly rows: NamedRows,
  ) {}

  /** Inserted, where it is missing, in a transaction of its own: within the business's it would hold up others. */
  async idOf(name: string): Promise<number> {
    const known = this.ids.get(name);
    if (known !== undefined) return known;
    const id = await this.connections.control((on) => this.findOrInsert(on, name));
    this.ids.set(name, id);
    return id;
  }

  /**
   * The same for code that is in a transaction. SQLite has one writer, and that may be this very transaction, so there
   * the name goes into it, and is remembered only when it is found again later.
   */
  async idWithin(on: Connection, name: string): Promise<number> {
    const known = this.ids.get(name);
    if (known !== undefined) return known;
    return this.connections.database.dialect.engine === 'sqlite'
      ? this.findOrInsert(on, name)
      : this.idOf(name);
  }

  forget(name: string): void {
    this.ids.delete(name);
  }

  private async findOrInsert(on: Connection, name: string): Promise<number> {
    const { database } = this.connections;
    const found = await this.rows.find(database, on, name);
    if (found !== undefined) return found;
    try {
      await this.rows.insert(database, on, name);
    } catch (error) {
      if (!database.dialect.isDuplicateKey(error)) throw error;
    }
    return (await this.rows.find(database, on, name))!;
  }
}
