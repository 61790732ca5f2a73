/** What differs between the engines. All else of a statement is the same for all. */
export interface Dialect {
  readonly engine: 'mysql' | 'sqlite' | 'postgres';
  /** There is no server: no answer can get lost on its way. */
  readonly isWithinProcess: boolean;
  /** An error of COMMIT is a no for sure. Else nobody knows: it may have been done, and its answer lost. */
  refusesCommit(error: unknown): boolean;
  /** An error leaves a transaction that can only be rolled back: as a whole, or to a savepoint. */
  readonly errorsAbort: boolean;
  quote(name: string): string;
  /** The column of that name, which one engine reserves. */
  readonly body: string;
  /** Bytes as hexadecimal digits, because on a connection of the app its own settings may have them read as text. */
  hex(bytes: string): string;
  /** The database's clock, in microseconds since 1970 UTC. */
  readonly now: string;
  /** Appended to a SELECT of a claim: pass over what another claimer has locked. */
  readonly forUpdateSkipLocked: string;
  readonly forUpdate: string;
  /** Appended to a SELECT: hold what was read until the transaction ends. */
  readonly forShare: string;
  isDuplicateKey(error: unknown): boolean;
  /** Two transactions got in each other's way: nobody's fault, so it counts as no attempt. */
  isContention(error: unknown): boolean;
  /** The database takes no writes for now, whoever sends them: it is read-only, or full. Counts as no attempt either. */
  isUnwritable(error: unknown): boolean;
  /** The database's user lacks a privilege that the statement needs. */
  isNotAllowed(error: unknown): boolean;
  /** Somebody ended the statement, or with it the connection, which only the next statement tells. */
  isInterrupted(error: unknown): boolean;
  /** The whole transaction is gone after this error, whoever swallows it. */
  endsTransaction(error: unknown): boolean;
  /** The server has rolled back the whole transaction, for sure. SQLite is asked instead. */
  undoesTransaction(error: unknown): boolean;
}
