// What the bench uses of it, so that it can be checked where the bench's own packages are not installed.

declare module 'ioredis' {
  export class Redis {
    constructor(url: string);
    info(section: string): Promise<string>;
    quit(): Promise<unknown>;
  }
}
