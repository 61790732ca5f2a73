import type { BrokerService } from '../broker/index.js';
import {
  type Connection,
  type Database,
  type FoundMessage,
  type GroupRow,
  type MessageHolder,
  type LibraryConnections,
  countAhead,
  findHoldersOf,
  findMessagesIn,
  findOrigin,
  findQuarantinedIn,
  findTopic,
  listGroups,
} from '../storage/index.js';
import type { Asked } from './asked.js';
import { search } from './search.js';
import type { HeldMessage, Stories } from './stories.js';

/** An ordering key's line is counted up to here. */
const MOST_AHEAD = 1_000;

export interface Looked {
  /** What was not looked at, and why. */
  unseen: string[];
  knowsTopic: boolean;
}

export async function lookAtBroker(
  connections: LibraryConnections,
  { topic, bizId, until }: Asked,
  stories: Stories,
): Promise<Looked> {
  const { database } = connections;
  const quarantined = await search(connections, 'quarantine', until, (on, part, limit) =>
    findQuarantinedIn(database, on, part, { topic, bizId, limit }),
  );
  for (const row of quarantined.found) stories.tellQuarantined(row);
  const topicId = await connections.control((on) => findTopic(database, on, topic));
  if (topicId === undefined) return { unseen: ended(quarantined), knowsTopic: false };
  const messages = await search(connections, 'message', until, (on, part, limit) =>
    findMessagesIn(database, on, part, { topicId, bizId, limit }),
  );
  for (const message of messages.found) {
    stories.tellHeld(await connections.control((on) => readHeld(database, on, { message, topic, topicId })));
  }
  const broker = await connections.control((on) => findOrigin(database, on));
  stories.numberedBy(broker);
  return { unseen: [...ended(quarantined), ...ended(messages)], knowsTopic: true };
}

async function readHeld(
  database: Database,
  on: Connection,
  { message, topic, topicId }: { message: FoundMessage; topic: string; topicId: number },
): Promise<HeldMessage> {
  const groups = (await listGroups(database, on)).filter((row) => row.topic === topic);
  const holders = await findHoldersOf(database, on, { seq: message.seq, topicId });
  const held = new Map<GroupRow, { holder: MessageHolder; ahead: number }[]>(
    groups.map((group) => [group, []]),
  );
  for (const holder of holders) {
    const group = groups.find(({ subscriptionId }) => subscriptionId === holder.subscriptionId);
    if (group) held.get(group)!.push({ holder, ahead: await aheadOf(database, on, holder, message) });
  }
  return { message, held, ofNobody: holders.filter(({ subscriptionId }) => subscriptionId === 0) };
}

async function aheadOf(
  database: Database,
  on: Connection,
  { place, subscriptionId }: MessageHolder,
  { seq, orderingKey }: FoundMessage,
): Promise<number> {
  if (place !== 'keyed' || !orderingKey) return 0;
  return countAhead(database, on, { subscriptionId, orderingKey, seq, limit: MOST_AHEAD });
}

/** All that a service tells an operator of one biz-id. */
export async function askDeadLetters(
  operated: BrokerService,
  name: string,
  { topic, bizId }: Asked,
  stories: Stories,
): Promise<Looked> {
  for (const letter of await operated.deadLetters.list({ topic, bizId: bizId.toString() })) {
    stories.tellDeadLetter(letter);
  }
  const unseen = [
    `The broker is a service (${name}), which tells of dead letters alone: what else it holds of this biz-id is found where its database can be reached.`,
  ];
  return { unseen, knowsTopic: true };
}

function ended({ ended: why }: { ended: string | undefined }): string[] {
  return why === undefined ? [] : [why];
}
