import type { Contestant } from './contestant.js';
import type { BenchServer } from './servers/kinds.js';
import type { Size } from './sizes.js';

/** What a message took. */
export interface Cost {
  /** Statements, commands or transactions (statements.ts says which); undefined: nobody counts them. */
  statements: number | undefined;
  /** CPU time in microseconds, all processes of a side together. */
  clients: number;
  /** Undefined: the server's processes can't be seen. */
  servers: number | undefined;
}

export interface Throughput {
  perSecond: number;
  cost: Cost;
}

export interface Latency {
  p50: number;
  p99: number;
  most: number;
}

export interface Idle {
  /** Statements, commands or transactions (statements.ts says which) a second; undefined: nobody counts them. */
  statementsPerSecond: number | undefined;
  /** Milliseconds of CPU a second. */
  clientMs: number;
  serverMs: number | undefined;
}

/** What one contestant did in one round. */
export interface RoundFigures {
  publish: Throughput;
  /** By the number of consumer processes. */
  consume: Record<string, Throughput>;
  endToEnd: Throughput;
  latency?: { within: Latency; across: Latency };
  idle?: Idle;
  /** Of a core, what others than the bench took of the machine meanwhile. */
  foreignLoad: number;
}

export interface ContestantResult extends Pick<
  Contestant,
  'name' | 'label' | 'family' | 'servers' | 'settings' | 'weaker'
> {
  /** By round; null: void, see below. */
  rounds: (RoundFigures | null)[];
  /** Why rounds were void. */
  voids: string[];
}

export interface Machine {
  cpu: string;
  cores: number;
  memoryGib: number;
  system: string;
  node: string;
  /** Where the servers' data were. */
  storage: string;
  /** Median of what it takes to write 4 KiB and have it on disk, in milliseconds. */
  syncMs: number;
  /** When the run began. */
  loadAverage: number;
}

export interface Results {
  began: string;
  tookMinutes: number;
  size: Size;
  machine: Machine;
  /** Versions of what was measured. */
  packages: Record<string, string>;
  servers: Omit<BenchServer, 'url' | 'pid'>[];
  contestants: ContestantResult[];
}
