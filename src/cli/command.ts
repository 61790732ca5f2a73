import type { DataSource } from 'typeorm';

/** Flags by their names without the dashes. A switch has no value, and is `'true'` where it is given. */
export type FlagKinds = Readonly<Record<string, 'value' | 'switch'>>;
export type Flags = Readonly<Record<string, string | undefined>>;

/** What a command stands without a flag before it. */
export interface Argument {
  /** As the usage has it: `TOPIC`. */
  readonly name: string;
  /** Only of the last one. */
  readonly many?: 'one at least' | 'any number';
}

/** One call of a command. */
export interface Invocation {
  readonly flags: Flags;
  readonly args: readonly string[];
  /** What `--database` or `--data-source` names. @throws ConfigurationError, InvalidOptionError naming the flag */
  readonly dataSource: () => Promise<DataSource>;
}

export interface Command {
  /** One word, or two: `dead-letters requeue`. */
  readonly name: string;
  /** What it does, in a line. */
  readonly summary: string;
  /** What there is to know of it, its flags and its exit status, as text of a manual. */
  readonly help: string;
  readonly examples?: readonly string[];
  readonly args?: readonly Argument[];
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
  run(invocation: Invocation): Promise<number | void>;
}
