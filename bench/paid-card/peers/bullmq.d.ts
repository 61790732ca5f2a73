// What the bench uses of it, so that it can be checked where the bench's own packages are not installed.

declare module 'bullmq' {
  export interface Address {
    host: string;
    port: number;
    password?: string;
    maxRetriesPerRequest: null;
  }
  export interface Job<T> {
    data: T;
  }
  export class Queue<T> {
    constructor(name: string, options: { connection: Address });
    add(
      name: string,
      data: T,
      options: {
        jobId: string;
        removeOnComplete: boolean;
        attempts: number;
        backoff: { type: 'exponential'; delay: number };
      },
    ): Promise<unknown>;
    getJobCounts(...states: string[]): Promise<Record<string, number>>;
    obliterate(options: { force: boolean }): Promise<void>;
    close(): Promise<void>;
  }
  export class Worker<T> {
    constructor(
      name: string,
      handler: (job: Job<T>) => Promise<void>,
      options: { connection: Address; concurrency: number },
    );
    on(event: 'error', listener: (error: Error) => void): this;
    waitUntilReady(): Promise<unknown>;
    close(): Promise<void>;
  }
}
