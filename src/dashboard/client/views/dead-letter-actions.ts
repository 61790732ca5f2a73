import type { DeadLetterChoice } from '../../wire.js';
import { act } from '../api.js';
import { plural } from '../format.js';
import type { Page } from '../view.js';

/** Asked first, done then, and told. @returns whether something was done */
async function confirmed(
  page: Page,
  which: { choice: DeadLetterChoice; name: string },
  how: { requeue: boolean },
): Promise<boolean> {
  const { choice, name } = which;
  const isSure = await page.ask(
    how.requeue
      ? {
          title: `Requeue ${name}?`,
          text: 'Back to their groups, with their failures forgiven and their history kept. Who has taken effect before is absorbed.',
          action: 'Requeue',
        }
      : {
          title: `Discard ${name}?`,
          text: 'Deleted for good, with their messages where nobody else needs them. This can’t be undone.',
          action: 'Discard for good',
          isGrave: true,
        },
  );
  if (!isSure) return false;
  try {
    const { count } = await act(how.requeue ? 'requeue-dead-letters' : 'discard-dead-letters', choice);
    page.notice(`${plural(count, 'dead letter')} ${how.requeue ? 'requeued' : 'discarded'}.`);
    return true;
  } catch (error) {
    page.notice((error as Error).message, 'bad');
    return false;
  }
}

export const requeue = (page: Page, choice: DeadLetterChoice, name: string) =>
  confirmed(page, { choice, name }, { requeue: true });

export const discard = (page: Page, choice: DeadLetterChoice, name: string) =>
  confirmed(page, { choice, name }, { requeue: false });
