import type { ScopeDelivery } from '../../storage/index.js';
import { errorCode } from '../../errors/index.js';
import type { TestedRuntime } from '../harness/runtime-of.js';
import { interpose } from '../interpose.js';
import type { Probe } from './probe.js';

/** Those of statements that came, or failed, when nobody waited for them any more. */
const CODES: ReadonlySet<string | undefined> = new Set(['SCOPE_DOOMED', 'UNSETTLED_QUERY']);

/** Statements that came when the scope of their handler was over. */
export class LateStatements {
  private readonly told = new Map<ScopeDelivery, string[]>();
  readonly close: () => void;

  constructor(runtime: TestedRuntime) {
    this.close = interpose(runtime, 'onStray', (onStray) => (error, delivery) => {
      if (delivery && CODES.has(errorCode(error))) {
        const told = this.told.get(delivery) ?? [];
        this.told.set(delivery, [...told, error.message]);
      }
      onStray(error, delivery);
    });
  }

  /** What was said of these. Those that were cut off may well have gone on. */
  of(probes: readonly Probe[]): string[] {
    return [...new Set(probes.flatMap(({ delivery }) => this.told.get(delivery) ?? []))];
  }
}
