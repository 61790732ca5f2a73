import type { SendAnswer } from '../port.js';
import type { EngineMessage } from './port.js';

/**
 * Sends messages side by side, and those of a key one after the other: one that is refused holds up the others of its key.
 *
 * @returns an answer for each message, in their order
 * @throws what sending one of them threw, when all that was begun has ended
 */
export async function sendInLanes(
  messages: readonly EngineMessage[],
  send: (message: EngineMessage) => Promise<SendAnswer>,
): Promise<SendAnswer[]> {
  const answers = new Map<EngineMessage, SendAnswer>();
  const lanes = lanesOf(messages).map(async (lane) => {
    let isHeldUp = false;
    for (const message of lane) {
      const answer: SendAnswer = isHeldUp ? HELD_UP : await send(message);
      answers.set(message, answer);
      isHeldUp ||= answer.kind === 'refused';
    }
  });
  const failed = (await Promise.allSettled(lanes)).find(({ status }) => status === 'rejected');
  if (failed?.status === 'rejected') throw failed.reason;
  return messages.map((message) => answers.get(message)!);
}

const HELD_UP: SendAnswer = {
  kind: 'refused',
  reason: 'a message before it, of the same ordering key, is refused',
};

/** Messages without a key each have a lane of their own. */
function lanesOf(messages: readonly EngineMessage[]): EngineMessage[][] {
  const lanes = new Map<string, EngineMessage[]>();
  for (const [i, message] of messages.entries()) {
    const key = message.orderingKey ? `${message.topic} ${message.orderingKey.toString('hex')}` : String(i);
    const lane = lanes.get(key);
    if (lane) lane.push(message);
    else lanes.set(key, [message]);
  }
  return [...lanes.values()];
}
