import type { Observable } from 'rxjs';
import type { Witnessed } from '../stage/crew.js';
import { HandOuts } from '../stage/hand-outs.js';
import type { EngineResults } from '../stage/results.js';
import { Cuts } from './cuts.js';
import type { Engine } from './engine.js';

/** What an engine would still hand out again has come by then, in milliseconds: a lease, its ACK wait, and a while. */
const QUIET_MS = 4_000;

/** What happens between the systems and an engine in one run, and what is known of it. */
export class EngineRun {
  readonly handOuts = new HandOuts();
  readonly cuts: Cuts;

  constructor(
    readonly engine: Engine,
    {
      wanted,
      ...said
    }: { wanted: number; heard$: Observable<Pick<Witnessed, 'event'>>; over$: Observable<unknown> },
  ) {
    this.cuts = new Cuts(wanted, { engine, handOuts: this.handOuts, ...said });
  }

  /** What it may still have to hand out. It can't be asked. */
  get pending(): number {
    const isQuiet = performance.now() - this.handOuts.heardAt >= QUIET_MS;
    return this.handOuts.open + (isQuiet ? 0 : 1);
  }

  /** When all have ended. */
  async results(): Promise<EngineResults> {
    const { engine, cuts } = this;
    const { name, campaign, absorbsResends } = engine.server;
    const left = await engine.server.left();
    return { name, campaign, absorbsResends, cuts, connectionsCut: engine.connectionsCut, left };
  }
}
