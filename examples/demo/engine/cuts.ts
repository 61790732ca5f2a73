import { type Observable, filter, firstValueFrom, map, merge, take, takeUntil, timer } from 'rxjs';
import type { Witnessed } from '../stage/crew.js';
import type { HandOuts } from '../stage/hand-outs.js';
import { isDelicate } from '../stage/work.js';
import type { Engine, Side } from './engine.js';

/** What is cut off, with the connection that it was on its way on. */
export const CUTS = [
  /** The engine has stored a message, and what it says of that never arrives. */
  'ack-3',
  /** A group is done with a delivery, and what it says of that never arrives. */
  'ack-5',
  /** All connections of all systems, whatever is under way. */
  'any',
] as const;
export type CutKind = (typeof CUTS)[number];

const EVERY_MS = 700;
/** How long an ACK is waited for, and then what comes of its loss, in milliseconds. */
const PATIENCE_MS = 5_000;

export interface CutsDeps {
  engine: Engine;
  handOuts: HandOuts;
  /** What all systems say. */
  heard$: Observable<Pick<Witnessed, 'event'>>;
  /** Emits when it is enough, also to those who ask later. */
  over$: Observable<unknown>;
}

/**
 * Cuts connections to an engine, at moments that matter. Whether it was an ACK that was cut off is seen by what comes of it,
 * and only what was seen counts: the bytes of an ACK may be those of another one, that nobody misses.
 */
export class Cuts {
  readonly counts: Record<CutKind, number> = { 'ack-3': 0, 'ack-5': 0, any: 0 };

  constructor(
    /** Of each kind. */
    readonly wanted: number,
    private readonly deps: CutsDeps,
  ) {}

  get isEnough(): boolean {
    return CUTS.every((kind) => this.counts[kind] >= this.wanted);
  }

  get total(): number {
    return CUTS.reduce((sum, kind) => sum + this.counts[kind], 0);
  }

  /** Each kind in turn. */
  async unleash(): Promise<void> {
    for (let turn = 0; !this.isEnough; turn++) {
      const kind = CUTS[turn % CUTS.length]!;
      if (this.counts[kind] >= this.wanted) continue;
      if (await this.isOverWithin(EVERY_MS)) return;
      if (await this.cut(kind)) this.counts[kind]++;
    }
  }

  private cut(kind: CutKind): Promise<boolean> {
    const { server } = this.deps.engine;
    const { heard$, handOuts } = this.deps;
    switch (kind) {
      case 'ack-3': {
        const missed$ = heard$.pipe(
          filter(({ event }) => event.type === 'ack-missed' && !isOnPurpose(event)),
        );
        return this.cutAt('payments', 'to-client', (bytes) => server.hasAck3(bytes), missed$);
      }
      case 'ack-5':
        return this.cutAt('cards', 'to-server', (bytes) => server.hasAck5(bytes), handOuts.ackLost$);
      case 'any':
        return this.cutAll();
    }
  }

  /** Only while there is a delivery under way: the bytes that are waited for go by in other conversations as well. */
  private async cutAt(
    side: Side,
    direction: 'to-client' | 'to-server',
    isAck: (bytes: Buffer) => boolean,
    consequence$: Observable<unknown>,
  ): Promise<boolean> {
    const line = this.deps.engine.lines[side];
    if (!(await this.happens(this.delicate$(side)))) return false;
    const seen = this.happens(consequence$);
    let isCut = false;
    line.cutAt(direction, (bytes) => (isCut ||= isAck(bytes)));
    const isSeen = await seen;
    line.cutAt(direction, () => false);
    return isCut && isSeen;
  }

  private async cutAll(): Promise<boolean> {
    if (!(await this.happens(this.delicate$('cards')))) return false;
    const lines = Object.values(this.deps.engine.lines);
    const before = lines.map(({ cuts }) => cuts);
    for (const line of lines) line.cut();
    return lines.every(({ cuts }, i) => cuts > before[i]!);
  }

  private delicate$(side: Side): Observable<unknown> {
    const type = side === 'payments' ? 'sent' : 'delivered';
    return this.deps.heard$.pipe(filter(({ event }) => event.type === type && isDelicate(event)));
  }

  private happens(what$: Observable<unknown>): Promise<boolean> {
    const happened$ = what$.pipe(
      take(1),
      map(() => true),
      takeUntil(merge(timer(PATIENCE_MS), this.deps.over$)),
    );
    return firstValueFrom(happened$, { defaultValue: false });
  }

  private isOverWithin(ms: number): Promise<boolean> {
    return firstValueFrom(
      merge(this.deps.over$.pipe(map(() => true)), timer(ms).pipe(map(() => false))).pipe(take(1)),
    );
  }
}

/** The systems lose some ACKs themselves: ../stage/broken-wire.ts. */
function isOnPurpose(event: { error?: string }): boolean {
  return event.error?.includes('on purpose') ?? false;
}
