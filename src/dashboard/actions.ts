import type { GroupSelector, Groups } from '../broker/index.js';
import type { DeadLettersView } from './dead-letters.js';
import type { QuarantineView } from './quarantine.js';
import type { Actions } from './wire.js';

type Given = Record<string, unknown>;

/** What can be done on the page. What comes is checked by what it is handed to, which names what was wrong. */
export function actionsOf(
  groups: Pick<Groups, 'pause' | 'resume'>,
  deadLetters: DeadLettersView,
  quarantine: QuarantineView,
) {
  const done = { done: true };
  return {
    'requeue-dead-letters': (given: Given) => deadLetters.requeue(given),
    'discard-dead-letters': (given: Given) => deadLetters.discard(given),
    'release-quarantined': ({ id }: Given) => quarantine.release(id),
    'discard-quarantined': ({ id }: Given) => quarantine.discard(id),
    'pause-group': (given: Given) => groups.pause(selectorOf(given)).then(() => done),
    'resume-group': (given: Given) => groups.resume(selectorOf(given)).then(() => done),
  } satisfies { [Name in keyof Actions]: (given: Given) => Promise<Actions[Name]['answer']> };
}

/** One subscription, never all of a group by a topic that was left out. */
function selectorOf({ group, topic = '' }: Given): GroupSelector {
  return { group, topic } as GroupSelector;
}
