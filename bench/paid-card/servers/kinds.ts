export const SERVER_KINDS = ['mariadb', 'mysql', 'postgres', 'redis', 'rabbitmq'] as const;
export type ServerKind = (typeof SERVER_KINDS)[number];

export interface BenchServer {
  readonly kind: ServerKind;
  readonly url: string;
  readonly version: string;
  /** What it was started with beyond its defaults, for the report. */
  readonly settings: string;
  /** Of its first process; undefined: it is not known, so that its CPU is not measured. */
  readonly pid: number | undefined;
}

export interface RunningServer extends BenchServer {
  stop(): Promise<void>;
}
