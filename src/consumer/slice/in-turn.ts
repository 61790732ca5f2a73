import type { GuardedScope } from '../../transaction/index.js';
import type { ConsumptionDeps } from '../consume-idempotently.js';
import type { DiscoveredConsumer } from '../consumer.explorer.js';
import { idempotentDelivery } from '../delivery.js';
import { outcomeOfHandler } from '../outcome.js';
import { ROLLED_BACK, withinTimeLimit } from '../time-limit.js';
import type { Manner } from './manner.js';
import type { Member } from './member.js';

/** `perTransaction`: each handler gets its own message, one after the other. Where one fails, each is run alone. */
export function inTurn(
  { caller, connections: { database } }: ConsumptionDeps,
  consumer: DiscoveredConsumer,
): Manner {
  const { name, settings } = consumer;
  const limit = { name, timeoutMs: settings.timeoutMs, consequence: ROLLED_BACK };

  const runOne = async ({ held, payload }: Member, scope: GuardedScope): Promise<void> => {
    held.signal.throwIfAborted();
    // It may have waited for those before it.
    if (held.isExpired) throw new Error(`The time of ${held.bizId} was over before its turn came.`);
    const { context } = idempotentDelivery(consumer, held, payload, scope.manager);
    held.abandon = (cause) => scope.abandon(cause);
    const { span } = held;
    const call = () => caller.call(consumer, payload, context);
    await withinTimeLimit(scope.run(span ? () => span.run(call) : call), held, limit);
    scope.throwIfDoomed();
  };

  const letSubscribersWrite = async ({ held: last }: Member, scope: GuardedScope): Promise<void> => {
    last.abandon = (cause) => scope.abandon(cause);
    await withinTimeLimit(scope.beforeCommit(), last, limit);
    scope.throwIfDoomed();
  };

  return {
    async run(scope, members) {
      const run: Member[] = [];
      for (const member of members) {
        member.progress = 'begun';
        await runOne(member, scope);
        run.push(member);
        // Nobody is to run in what is left of a transaction that another one has ended.
        if (scope.session.endedWithin || scope.session.mayHaveEnded) break;
        member.progress = 'whole';
      }
      await letSubscribersWrite(run.at(-1)!, scope);
      return run;
    },
    // It was the fault of who took too long, whose signal is aborted, so alone it could not run.
    afterFailure(scope, members, error) {
      const outcome = outcomeOfHandler(database.dialect, error, scope.session.doomedBy);
      const late = members.filter(({ held }) => held.abortedBy === 'timeout');
      return { outcomes: new Map(late.map(({ held }) => [held, outcome])), next: [] };
    },
    regroup: () => [],
  };
}
