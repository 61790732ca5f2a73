import type { Witnessed } from './crew.js';
import type { StageEvent } from './reporter.js';

/** What happened to one payment's message, in the order of time. */
export interface Story {
  paymentId: string;
  innerMsgId: string;
  lines: readonly StoryLine[];
}

export interface StoryLine {
  /** Since the payment began. */
  afterMs: number;
  step: string;
  text: string;
}

type Scene = Pick<Witnessed, 'event' | 'at'> & { who: string };

/** Without these it is not the story of a message that lost both ACKs. */
const PARTS = [
  ['paying'],
  ['landed'],
  ['ack-missed', 'ack-3-dropped'],
  ['ack-5-dropped'],
  ['duplicate-absorbed', 'acknowledged'],
];

/** Keeps what is said about those payments that lose both ACKs, and tells the story of one of them. */
export class Timeline {
  private readonly scenes = new Map<string, Scene[]>();

  constructor(private readonly isUnlucky: (paymentId: string) => boolean) {}

  add(who: string, { event, at }: Pick<Witnessed, 'event' | 'at'>): void {
    if (!('bizId' in event) || event.bizId === undefined || !this.isUnlucky(event.bizId)) return;
    if ('group' in event && event.group !== 'card-issuing') return;
    this.scenes.set(event.bizId, [...(this.scenes.get(event.bizId) ?? []), { who, event, at }]);
  }

  /** The shortest: other accidents may have befallen the others too. Undefined when none is complete. */
  story(): Story | undefined {
    const [found] = [...this.scenes]
      .filter(([, scenes]) => isComplete(scenes))
      .sort(([, a], [, b]) => a.length - b.length);
    if (!found) return undefined;
    const [paymentId, unordered] = found;
    const scenes = unordered.toSorted((a, b) => a.at - b.at);
    const begin = scenes.find(({ event }) => event.type === 'paying')!.at;
    const [innerMsgId] = scenes.flatMap(({ event }) => ('innerMsgId' in event ? [event.innerMsgId] : []));
    // When the first holder gives up: by then others may have had it.
    const isTold = ({ event }: Scene) => event.type !== 'ack-lost' && event.type !== 'retry-scheduled';
    const lines = scenes
      .filter(isTold)
      .map(({ who, event, at }) => ({ afterMs: at - begin, ...tell(who, event) }));
    return { paymentId, innerMsgId: innerMsgId!, lines };
  }
}

function isComplete(scenes: readonly Scene[]): boolean {
  const times = (...types: readonly string[]) =>
    scenes.filter(({ event }) => types.includes(event.type)).length;
  // What was sent again was known, or stored once more by an engine that knows nothing of it.
  const isRepeated = times('resend-absorbed') > 0 || times('landed') > 1;
  return isRepeated && PARTS.every((types) => times(...types) > 0);
}

/** Which of the six steps it is, and what happened. */
function tell(who: string, event: StageEvent): Omit<StoryLine, 'afterMs'> {
  switch (event.type) {
    case 'paying':
      return { step: '', text: 'paid, and its message put into the outbox: one transaction' };
    case 'sent':
      return event.sends === 1
        ? { step: '1', text: `sent by ${who}` }
        : { step: '1', text: `sent again by ${who}: same inner-msg-id` };
    case 'landed':
      return { step: '2', text: 'landed: stored by the broker' };
    case 'ack-missed':
      return { step: '3', text: 'ACK lost: nobody can tell whether it landed' };
    case 'ack-3-dropped':
      return { step: '3', text: 'ACK lost on its way: the answer is dropped, and the connection cut' };
    case 'resend-absorbed':
      return { step: '2', text: 'absorbed: it has landed before' };
    case 'delivered':
      return { step: '4', text: `delivered${event.redelivered ? ' again' : ''} to ${who}` };
    case 'ack-5-dropped':
      return { step: '5', text: 'ACK lost, and each repeat of it; its card is committed' };
    case 'duplicate-absorbed':
      return { step: '5', text: 'absorbed: this biz-id has its card; ACK' };
    case 'acknowledged':
      return { step: '5', text: 'ACK' };
    default:
      return { step: '', text: event.type };
  }
}
