/** What a network does to requests and their answers. */
export const NETWORK_FAULTS = [
  /** The broker has stored what was sent. Its answer is dropped, and the connection cut. */
  'ack-3-lost',
  /** The ACK is dropped, as is each repeat of it: the delivery comes again. */
  'ack-5-lost',
  /** The broker has taken the ACK. Its answer is dropped, and the connection cut. */
  'ack-5-answer-lost',
  /** The connection is cut when the broker has a part of the request. */
  'request-cut',
  /** The connection is cut when the client has a part of the answer. */
  'answer-cut',
  /** The request comes late: some come when their client has given up, and asked again elsewhere. */
  'delayed',
  /** Nothing happens until the client gives up. Half of these requests have reached the broker. */
  'black-hole',
] as const;
export type NetworkFault = (typeof NETWORK_FAULTS)[number];

/** Of the requests that move messages, and of the others, this part meets a fault. */
const SHARE = { moving: 0.15, others: 0.02 };
const MOVING = ['send', 'claim', 'claim-alone', 'acknowledge', 'retry-later', 'give-back', 'extend'];
/** Their clients wait for longer than a run lasts. */
const PATIENT = ['wait', 'subscribe'];

/** Which requests meet which fault, by chance, until each kind has happened often enough, and on. */
export class NetworkFaults {
  readonly counts = Object.fromEntries(NETWORK_FAULTS.map((kind) => [kind, 0])) as Record<
    NetworkFault,
    number
  >;
  /** Of those that were delayed, how many came when nobody waited for them any more. */
  late = 0;
  protected isCalm = false;

  /** @param wanted of each kind */
  constructor(
    readonly wanted: number,
    /** From 0 up to 1. */
    readonly random: () => number = Math.random,
  ) {}

  get isEnough(): boolean {
    return NETWORK_FAULTS.every((kind) => this.counts[kind] >= this.wanted);
  }

  get total(): number {
    return NETWORK_FAULTS.reduce((sum, kind) => sum + this.counts[kind], 0);
  }

  choose(operation: string): NetworkFault | undefined {
    const share = MOVING.includes(operation) ? SHARE.moving : SHARE.others;
    if (this.isCalm || this.random() >= share) return undefined;
    const possible = kindsOf(operation);
    const wanted = possible.filter((kind) => this.counts[kind] < this.wanted);
    return this.oneOf(wanted.length > 0 ? wanted : possible);
  }

  happened(kind: NetworkFault): void {
    this.counts[kind]++;
  }

  /** From now on everything gets through. */
  calmDown(): void {
    this.isCalm = true;
  }

  private oneOf<T>(values: readonly T[]): T {
    return values[Math.floor(this.random() * values.length)]!;
  }
}

function kindsOf(operation: string): NetworkFault[] {
  const kinds: NetworkFault[] = ['request-cut', 'answer-cut', 'delayed'];
  if (!PATIENT.includes(operation)) kinds.push('black-hole');
  if (operation === 'send') kinds.push('ack-3-lost');
  if (operation === 'acknowledge') kinds.push('ack-5-answer-lost');
  return kinds;
}
