import type { DataSource } from 'typeorm';

/** Flags by their names without the dashes. A switch has no value, and is `'true'` where it is given. */
export type FlagKinds = Readonly<Record<string, 'value' | 'switch'>>;
export type Flags = Readonly<Record<string, string | undefined>>;

export interface Command {
  readonly name: string;
  /** What it does, and what its flags are, as text of a manual. */
  readonly help: string;
  /** What it understands beside --database, --data-source and --table-prefix. */
  readonly flags: FlagKinds;
  /** Where it works if no database is named; undefined: one must be. */
  readonly defaultDatabase?: string;
  /** The exit status where it could not be done, though it was called rightly. @default 1 */
  readonly notDone?: number;

  /**
   * @returns the exit status, 0 unless given
   * @throws ConfigurationError, InvalidOptionError naming the flag
   */
  run(dataSource: DataSource, flags: Flags): Promise<number | void>;
}
