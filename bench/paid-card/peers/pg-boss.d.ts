// What the bench uses of it, so that it can be checked where the bench's own packages are not installed.

declare module 'pg-boss' {
  export interface Db {
    executeSql(text: string, values?: unknown[]): Promise<{ rows: unknown[] }>;
  }
  export interface Job<T> {
    id: string;
    data: T;
  }
  export interface WorkOptions {
    batchSize: number;
    localConcurrency: number;
    pollingIntervalSeconds: number;
    burstWhenBatchFull: boolean;
    transactional?: boolean;
  }
  export class PgBoss {
    constructor(options: {
      connectionString: string;
      max: number;
      schedule: boolean;
      supervise: boolean;
      useListenNotify: boolean;
    });
    on(event: 'error', listener: (error: Error) => void): this;
    start(): Promise<this>;
    stop(options: { graceful: boolean; timeout: number }): Promise<void>;
    createQueue(name: string, options: { notify: boolean; partition: boolean }): Promise<void>;
    send(name: string, data: object, options: { db: Db }): Promise<string | null>;
    work<T>(
      name: string,
      options: WorkOptions,
      handler: (jobs: Job<T>[], transaction: Db) => Promise<void>,
    ): Promise<string>;
  }
}
