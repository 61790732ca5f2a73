// What the bench uses of it, so that it can be checked where the bench's own packages are not installed.

declare module 'pg' {
  export interface QueryResult {
    rows: Record<string, unknown>[];
    rowCount: number | null;
  }
  export interface QueryConfig {
    /** A prepared statement of the connection. */
    name?: string;
    text: string;
    values?: unknown[];
  }
  export interface PoolClient {
    query(text: string, values?: unknown[]): Promise<QueryResult>;
    query(config: QueryConfig): Promise<QueryResult>;
    release(error?: Error | boolean): void;
  }
  export class Pool {
    constructor(options: { connectionString: string; max: number; idleTimeoutMillis?: number });
    connect(): Promise<PoolClient>;
    query(text: string, values?: unknown[]): Promise<QueryResult>;
    on(event: 'error', listener: (error: Error) => void): this;
    end(): Promise<void>;
  }
}
