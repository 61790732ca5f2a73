import { idempotentBatch, payloadsOf } from '../batch/batch.js';
import type { Together } from '../batch/together.js';
import { Verdicts } from '../batch/verdicts.js';
import type { ConsumptionDeps } from '../consume-idempotently.js';
import type { DiscoveredConsumer } from '../consumer.explorer.js';
import type { HeldDelivery } from '../held-delivery.js';
import { type Outcome, outcomeOfHandler } from '../outcome.js';
import { ROLLED_BACK, withinTimeLimit } from '../time-limit.js';
import { type Manner, halves } from './manner.js';

/**
 * `batch`: one handler gets all of them. Of which it says something, those end so, and the others are run again without
 * them. Where it is not known whose fault it was, they are run again in halves, until that one is alone.
 */
export function atOnce(
  { caller, connections: { database }, onStray }: ConsumptionDeps,
  consumer: DiscoveredConsumer,
  together: Together,
): Manner {
  const verdicts = new Verdicts(onStray);
  return {
    async run(scope, members) {
      if (!members.every(({ held }) => canBeRun(held)))
        throw new Error(`Part of the batch of ${scope.name} could not be run any more when its turn came.`);
      for (const member of members) member.progress = 'begun';
      const { manager, session } = scope;
      const batch = idempotentBatch(consumer, members, { manager, signal: together.signal, verdicts });
      together.abandon = (cause) => scope.abandon(cause);
      const work = scope
        .run(() => caller.call(consumer, payloadsOf(members), batch))
        .then(() => {
          verdicts.close();
          verdicts.throwFirst();
          return scope.beforeCommit();
        });
      const { name, settings } = consumer;
      const limit = { name, timeoutMs: settings.timeoutMs, consequence: ROLLED_BACK };
      await withinTimeLimit(work, together, limit).finally(() => verdicts.close());
      scope.throwIfDoomed();
      const mayBeInPart = session.endedWithin || session.mayHaveEnded;
      if (!mayBeInPart) for (const member of members) member.progress = 'whole';
      return members;
    },
    afterFailure({ session: { doomedBy } }, members) {
      // In a transaction that was lost, every statement is refused: of what failed for that, the handler may have said that
      // it failed by itself.
      const said = doomedBy === undefined ? [...verdicts.said] : [];
      const outcomes = new Map(
        said.map(([held, error]): [HeldDelivery, Outcome] => [
          held,
          outcomeOfHandler(database.dialect, error),
        ]),
      );
      const others = members.map(({ held }) => held).filter((held) => !outcomes.has(held) && canBeRun(held));
      const isExplained = others.length < members.length;
      return { outcomes, next: isExplained ? [others] : halves(others) };
    },
    regroup: halves,
  };
}

function canBeRun({ abortedBy, isExpired }: HeldDelivery): boolean {
  return abortedBy === undefined && !isExpired;
}
