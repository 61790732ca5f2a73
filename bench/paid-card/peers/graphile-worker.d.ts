// What the bench uses of it, so that it can be checked where the bench's own packages are not installed.

declare module 'graphile-worker' {
  export class Logger {
    constructor(factory: () => (level: string, message: string) => void);
  }
  export interface WorkerOptions {
    connectionString: string;
    maxPoolSize: number;
    concurrentJobs: number;
    localQueue: { size: number };
    completeJobBatchDelay: number;
    failJobBatchDelay: number;
    pollInterval: number;
    logger: Logger;
  }
  export interface Runner {
    stop(): Promise<void>;
  }
  export function run(options: {
    preset: { worker: WorkerOptions };
    taskList: Record<string, (payload: unknown) => Promise<void>>;
    crontab: string;
    noHandleSignals: boolean;
  }): Promise<Runner>;
  export function runMigrations(options: { connectionString: string; logger: Logger }): Promise<void>;
}
