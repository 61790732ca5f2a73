import type { QueryRunner } from 'typeorm';

/** What differs between the drivers of servers, as far as the library's own connections are concerned. */
export interface ServerDriver<C extends object = object> {
  /** For the `extra` of a pool of the library's own. */
  poolExtra(pool: { connections: number; idleTimeoutSeconds: number }): object;
  /** Beside that, for the pool of claims, ACKs and renewals, whatever the app has set for its own. */
  readonly controlExtra: object;
  /** Of the DataSource itself. */
  readonly ownOptions: object;
  controlSession(limits: { idleTimeoutSeconds: number; statementTimeoutMs: number }): string[];
  consumerSession(idleTimeoutSeconds: number): string[];
  /** Each time that a connection is taken from its pool. */
  taken(connection: C): void;
  /** Once, when its session is set up. */
  prepared(connection: C): void;
  /** Begins the transaction of a scope. Left out where its first statement does. */
  begin?(runner: QueryRunner): Promise<void>;
  /** What the driver knows of where the session stands. Left out where the answers of statements say it. */
  inTransaction?(connection: C): boolean;
  /** Whether connections can listen; then one is kept for that. */
  readonly listens: boolean;
  /**
   * Closes it at once, and keeps the pool from giving it to anybody else.
   *
   * @param giveBack the runner's own release
   */
  destroy(connection: C, runner: QueryRunner, giveBack: () => Promise<void>): void;
}

export interface ServerConnectionsOptions {
  /** Connections on which handlers run, and as many again for executors. */
  scopeConnections: number;
  /** Connections for claims, ACKs and renewals. */
  controlConnections: number;
  statementTimeoutMs: number;
  /** The server ends the transaction of a process that fell silent for this long. */
  idleTimeoutSeconds: number;
}
