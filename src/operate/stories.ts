import type { DeadLetter } from '../broker/index.js';
import type {
  FoundInOutbox,
  FoundInQuarantine,
  FoundMessage,
  GroupRow,
  MessageHolder,
  Remembered,
} from '../storage/index.js';
import {
  dateOf,
  dateOr,
  deadStage,
  effectStage,
  groupStage,
  outboxStage,
  quarantineStage,
} from './stages.js';
import type { MessageStory, Stage } from './story.js';

/** A message that the broker has, and what still has to do with it. */
export interface HeldMessage {
  message: FoundMessage;
  /** Of each group of its topic. */
  held: ReadonlyMap<GroupRow, readonly { holder: MessageHolder; ahead: number }[]>;
  /** Parked, or dead because no group ever took it. */
  ofNobody: readonly MessageHolder[];
}

/** Stories of one biz-id while they are put together: whatever is found is told to the story of its message. */
export class Stories {
  private readonly stories: MessageStory[] = [];
  /** Groups of which the broker has nothing any more, for each message that it holds. */
  private readonly through = new Map<MessageStory, string[]>();
  private broker: Buffer | undefined;

  constructor(private readonly of: { topic: string; bizId: Buffer }) {}

  tellOutbox(row: FoundInOutbox): void {
    this.ofMessage(row).stages.push(outboxStage(row));
  }

  tellQuarantined(row: FoundInQuarantine): void {
    this.ofMessage(row).stages.push(quarantineStage(row));
  }

  tellHeld({ message, held, ofNobody }: HeldMessage): void {
    const { seq } = message;
    const story = this.ofMessage(message);
    story.seq = seq;
    story.stages.push({ stage: 'landed', at: dateOf(message.landedAt) });
    let isParked = false;
    for (const holder of ofNobody) {
      if (holder.place === 'dead') story.stages.push(deadStage(undefined, holder, seq));
      else if (!holder.taken) {
        isParked = true;
        const deliverAt = dateOr(message.deliverAt);
        story.stages.push({ stage: 'parked', since: dateOf(holder.at), deliverAt });
      }
    }
    const through: string[] = [];
    for (const [group, holders] of held) {
      for (const { holder, ahead } of holders) story.stages.push(groupStage(group, holder, ahead, seq));
      if (holders.length === 0 && !isParked) through.push(group.group);
    }
    this.through.set(story, through);
  }

  /** Of a broker that tells no more. */
  tellDeadLetter({
    id,
    group,
    reason,
    deadAt,
    landedAt,
    failures,
    lostLeases,
    errors,
    ...letter
  }: DeadLetter): void {
    const story = this.bySeq(letter.seq);
    story.orderingKey = letter.orderingKey;
    if (story.stages.length === 0) story.stages.push({ stage: 'landed', at: landedAt });
    story.stages.push({ stage: 'dead', group, id, reason, since: deadAt, failures, lostLeases, errors });
  }

  /** By which a dedup row names the broker that has numbered its message. */
  numberedBy(broker: Buffer | undefined): void {
    this.broker = broker;
  }

  /** At last: what took effect is told to each message that still waits, and to the one that it was. */
  tellEffects(remembered: readonly Remembered[]): void {
    const effects = remembered.filter(({ effect }) => effect !== undefined);
    for (const known of effects) this.tellEffect(known);
    for (const [story, groups] of this.through) {
      for (const group of groups) {
        const isTold = story.stages.some((stage) => 'group' in stage && stage.group === group);
        if (!isTold) story.stages.push({ stage: 'acknowledged', group });
      }
    }
  }

  /** The latest first: what has not landed is later than what has. */
  told(): MessageStory[] {
    const place = ({ seq }: MessageStory) => seq ?? Infinity;
    return [...this.stories].sort((a, b) => (place(a) === place(b) ? 0 : place(b) - place(a)));
  }

  private tellEffect(known: Remembered): void {
    const { seq, source } = known.effect!;
    const isOfTopic = source?.topic === this.of.topic;
    const isHere = this.broker === undefined || source === undefined || source.broker.equals(this.broker);
    let own = isHere && isOfTopic ? this.stories.find((story) => story.seq === seq) : undefined;
    for (const story of this.stories) if (story !== own) tell(story, effectStage(known, false));
    own ??= this.isAnothers(known) ? undefined : this.newStory({ seq: isOfTopic ? seq : undefined });
    if (own) tell(own, effectStage(known, isOfTopic));
  }

  /** It took effect for something else than a message of this topic, and there are messages that hear of it. */
  private isAnothers({ effect }: Remembered): boolean {
    return this.stories.length > 0 && effect!.source?.topic !== this.of.topic;
  }

  private ofMessage(found: {
    innerMsgId: Buffer;
    orderingKey: Buffer | undefined;
    expiresAt: number | undefined;
  }): MessageStory {
    const innerMsgId = found.innerMsgId.toString('hex');
    const story = this.stories.find((one) => one.innerMsgId === innerMsgId) ?? this.newStory({ innerMsgId });
    story.orderingKey = found.orderingKey?.toString();
    story.expiresAt = dateOr(found.expiresAt);
    return story;
  }

  private bySeq(seq: number): MessageStory {
    return this.stories.find((story) => story.seq === seq) ?? this.newStory({ seq });
  }

  private newStory(known: Partial<Pick<MessageStory, 'innerMsgId' | 'seq'>>): MessageStory {
    const { topic, bizId } = this.of;
    const nothing = { innerMsgId: undefined, seq: undefined, orderingKey: undefined, expiresAt: undefined };
    const story: MessageStory = { topic, bizId: bizId.toString(), ...nothing, stages: [], ...known };
    this.stories.push(story);
    return story;
  }
}

/** A scenario that several groups or topics share is told of once. */
function tell(story: MessageStory, stage: Stage & { scenario: string }): void {
  const isTold = story.stages.some((one) => 'scenario' in one && one.scenario === stage.scenario);
  if (!isTold) story.stages.push(stage);
}
