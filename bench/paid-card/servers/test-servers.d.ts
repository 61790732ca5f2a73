// What is taken of test/servers, which is JavaScript.

declare module '*/test/servers/index.mjs' {
  type TestServer = 'mariadb' | 'mysql' | 'postgres' | 'rabbitmq' | 'jetstream';
  export function startServers(
    engines: TestServer[],
    context: { signal: AbortSignal; log: (line: string) => void },
  ): Promise<{
    urls: Partial<Record<TestServer, string>>;
    unavailable: Partial<Record<TestServer, string>>;
    stop: () => Promise<void>;
  }>;
}

declare module '*/test/servers/keep.mjs' {
  export function keep(
    order: { commands: string[][]; remove?: string },
    options: { output: number | 'inherit'; env?: NodeJS.ProcessEnv },
  ): {
    exited: Promise<{ code: number | null; signal: string | null; error?: string }>;
    stop: () => Promise<void>;
  };
}

declare module '*/test/servers/run.mjs' {
  export function run(
    command: string,
    args: string[],
    options?: { timeoutMs?: number; env?: NodeJS.ProcessEnv },
  ): Promise<string>;
  export function lastLines(text: string, count: number): string;
}

declare module '*/test/servers/apt.mjs' {
  export function aptInstall(packages: string[], log: (line: string) => void): Promise<void>;
}

declare module '*/test/servers/find-binary.mjs' {
  export function executablesNamed(names: string[]): Promise<string[]>;
}

declare module '*/test/servers/ports.mjs' {
  export function freePort(): Promise<number>;
}

declare module '*/test/servers/user.mjs' {
  export function isRoot(): boolean;
}

declare module '*/test/servers/unpacked-package.mjs' {
  export function unpackedPackage(name: string): Promise<string>;
  export function librariesOf(tree: string): Promise<string>;
}

declare module '*/test/servers/rabbitmq.mjs' {
  export function startRabbitmq(): Promise<{
    url: string;
    version: string;
    pid: () => Promise<number | undefined>;
    kill: () => Promise<void>;
    startAgain: () => Promise<void>;
    stop: () => Promise<void>;
  }>;
}
