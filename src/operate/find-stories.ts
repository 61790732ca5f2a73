import { InvalidOptionError, describeError } from '../errors/index.js';
import {
  type LibraryConnections,
  type Remembered,
  findOutboxIn,
  findRemembered,
  findScheduledInOutbox,
} from '../storage/index.js';
import { NAME_RULE, encodeBizId, isName } from '../topic/index.js';
import { isAboutTheBroker } from './about-the-broker.js';
import type { Asked } from './asked.js';
import type { OperationsDeps } from './operations-deps.js';
import { askDeadLetters, lookAtBroker } from './look-at-broker.js';
import { MOST_MESSAGES, search } from './search.js';
import { Stories } from './stories.js';
import type { Findings } from './story.js';

export interface FindOptions {
  /**
   * How long it may look through what there is no index for, in milliseconds. What it had no time for is noted.
   *
   * @default 10_000
   */
  withinMs?: number;
}

/**
 * In the order in which a message goes, so that none is missed that moves on meanwhile: outbox, broker, dedup log. What is
 * met twice is one story all the same.
 */
export async function findStories(
  deps: OperationsDeps,
  given: { topic: string; bizId: string; options: FindOptions },
): Promise<Findings> {
  const asked = check(given);
  const stories = new Stories(asked);
  const unseen = await lookInOutbox(deps.connections, asked, stories);
  let knowsTopic = true;
  try {
    const { connections, operated, name } = deps.broker;
    const looked = connections
      ? await lookAtBroker(connections, asked, stories)
      : await askDeadLetters(operated, name, asked, stories);
    unseen.push(...looked.unseen);
    ({ knowsTopic } = looked);
  } catch (error) {
    if (!isAboutTheBroker(error)) throw error;
    unseen.push(`The broker was not looked at: ${describeError(error)}`);
  }
  if (deps.broker.kind === 'engine') {
    unseen.push(
      `What ${deps.broker.name} holds itself can't be searched: look there for what is not told of here.`,
    );
  }
  const { database } = deps.connections;
  const remembered = await deps.connections.control((on) => findRemembered(database, on, asked));
  stories.tellEffects(remembered);
  return {
    topic: given.topic,
    bizId: given.bizId,
    messages: stories.told(),
    rememberedMs: shortest(remembered),
    isComplete: unseen.length === 0,
    notes: [...unseen, ...(knowsTopic ? [] : [`The broker knows no topic ${given.topic}.`])],
  };
}

function check({ topic, bizId, options }: { topic: string; bizId: string; options: FindOptions }): Asked {
  if (!isName(topic)) throw new InvalidOptionError('find(topic)', topic, NAME_RULE);
  const { withinMs = 10_000 } = options;
  if (!Number.isFinite(withinMs) || withinMs < 0) {
    throw new InvalidOptionError('find({ withinMs })', withinMs, 'a number of milliseconds');
  }
  const encoded = encodeBizId(bizId, 'find(bizId) must be');
  return { topic, bizId: encoded, until: performance.now() + withinMs };
}

/** @returns what was not looked at */
async function lookInOutbox(
  connections: LibraryConnections,
  { topic, bizId, until }: Asked,
  stories: Stories,
): Promise<string[]> {
  const { database } = connections;
  const notes: string[] = [];
  // What waits for its time moves on to the others when that has come, and so is looked at first.
  const limit = MOST_MESSAGES;
  const scheduled = await connections.control((on) =>
    findScheduledInOutbox(database, on, { topic, bizId, limit }),
  );
  for (const row of scheduled) stories.tellOutbox(row);
  for (const table of ['outbox', 'outbox_keyed'] as const) {
    const { found, ended } = await search(connections, table, until, (on, part, most) =>
      findOutboxIn(database, on, table, part, { topic, bizId, limit: most }),
    );
    for (const row of found) stories.tellOutbox(row);
    if (ended !== undefined) notes.push(ended);
  }
  return notes;
}

function shortest(remembered: readonly Remembered[]): number | undefined {
  const times = remembered.flatMap(({ retentionMs }) => retentionMs ?? []);
  return times.length > 0 ? Math.min(...times) : undefined;
}
