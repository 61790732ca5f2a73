import type { Findings, MessageStory, Stage } from '../operate/index.js';
import { type Redacting, about } from './redact.js';
import type { Fact, Story, StoryPart, Tone } from './wire.js';

type Of<Name extends Stage['stage']> = Extract<Stage, { stage: Name }>;
interface Told {
  step: string;
  tone: Tone;
  title: string;
  at?: Date | undefined;
  facts?: Record<string, string | number | Date | undefined>;
}

/** Where each stage is among the six steps, and how it reads. A stage without a telling does not compile. */
const TELLINGS: { readonly [Name in Stage['stage']]: (stage: Of<Name>) => Told } = {
  outbox: ({ state, publishedAt, sends, firstSentAt, nextAt }) => ({
    step: '1 send',
    tone: sends > 1 ? 'warn' : 'plain',
    title: {
      scheduled: 'In the outbox, for a time that has not come',
      waiting: 'In the outbox, not sent yet',
      sent: 'In the outbox: sent, and its ACK has not come',
    }[state],
    at: publishedAt,
    facts: { sends, 'first sent': firstSentAt, next: nextAt },
  }),
  quarantined: ({ id, reason, copies, since, decision, decidedAt }) => ({
    step: '2 land',
    tone: decision ? 'plain' : 'bad',
    title: decision ? `Was in quarantine: ${decision}` : 'In quarantine: an operator has to decide',
    at: since,
    facts: { reason, copies, decided: decidedAt, number: id },
  }),
  landed: ({ at }) => ({ step: '2 land', tone: 'good', title: 'Stored by the broker', at }),
  parked: ({ since, deliverAt }) => ({
    step: '4 deliver',
    tone: 'warn',
    title: 'Parked: no group subscribes to its topic',
    at: since,
    facts: { 'deliver at': deliverAt },
  }),
  ready: ({ group, paused, behind, leaseRanOut, failures, lostLeases }) => ({
    step: '4 deliver',
    tone: paused || leaseRanOut ? 'warn' : 'plain',
    title: `Ready for ${group}${paused ? ', which is paused' : ''}`,
    facts: {
      'before it in its key’s line': behind || undefined,
      'lease ran out': leaseRanOut ? 'yes: the process that had it is gone, or late' : undefined,
      ...tried({ failures, lostLeases }),
    },
  }),
  'in-flight': ({ group, attempt, leaseUntil, failures, lostLeases }) => ({
    step: '4 deliver',
    tone: 'plain',
    title: `A worker of ${group} has it`,
    facts: { attempt, 'lease until': leaseUntil, ...tried({ failures, lostLeases }) },
  }),
  scheduled: ({ group, nextAt }) => ({
    step: '4 deliver',
    tone: 'plain',
    title: `Waits for its time, for ${group}`,
    facts: { next: nextAt },
  }),
  retrying: ({ group, nextAt, failures, lostLeases }) => ({
    step: '4 deliver',
    tone: 'warn',
    title: `Tried again for ${group}`,
    facts: { next: nextAt, ...tried({ failures, lostLeases }) },
  }),
  dead: ({ group, reason, since, failures, lostLeases }) => ({
    step: '5 ACK',
    tone: 'bad',
    title: group === undefined ? 'Dead: no group ever took it' : `Dead in ${group}`,
    at: since,
    facts: { reason, ...tried({ failures, lostLeases }) },
  }),
  done: ({ group, scenario, at, byThis }) => ({
    step: '5 ACK',
    tone: 'good',
    title: `Took effect${group === undefined ? '' : ` in ${group}`}${byThis ? '' : ', by another message of this biz-id'}`,
    at,
    facts: { scenario: group === undefined ? scenario : undefined },
  }),
  torn: ({ group, scenario, at }) => ({
    step: '5 ACK',
    tone: 'bad',
    title: `Torn${group === undefined ? '' : ` in ${group}`}: nobody knows what of its transaction is durable`,
    at,
    facts: { scenario },
  }),
  acknowledged: ({ group }) => ({
    step: '5 ACK',
    tone: 'good',
    title: `Acknowledged by ${group}, or ${group} came later`,
  }),
};

/** What was found, in words, and nothing of it that is redacted. */
export function tellStory(findings: Findings, redacting: Redacting): Story {
  const { topic, bizId, messages, rememberedMs, isComplete, notes } = findings;
  return {
    topic,
    bizId,
    summary: summaryOf(messages.length, rememberedMs, isComplete),
    notes,
    messages: messages.map((message) => ({
      innerMsgId: message.innerMsgId,
      orderingKey: message.orderingKey,
      expiresAt: message.expiresAt?.toISOString(),
      parts: message.stages.map((stage) => partOf(stage, message, redacting)),
    })),
  };
}

function summaryOf(messages: number, rememberedMs: number | undefined, isComplete: boolean): string {
  if (messages === 1) return 'One message of this biz-id.';
  if (messages > 1) return `${messages} messages of this biz-id, the latest first.`;
  if (!isComplete) return 'Not found where it could be looked.';
  const days = rememberedMs && Math.floor(rememberedMs / 86_400_000);
  return days
    ? `Nothing is known of it: it never came, or it was done more than ${days} ${days === 1 ? 'day' : 'days'} ago and is forgotten.`
    : 'Nothing is known of it.';
}

function partOf(stage: Stage, message: MessageStory, redacting: Redacting): StoryPart {
  const { step, tone, title, at, facts = {} } = (TELLINGS[stage.stage] as (given: Stage) => Told)(stage);
  const errors = 'errors' in stage ? stage.errors : [];
  return {
    step,
    tone,
    title,
    at: at?.toISOString(),
    facts: Object.entries(facts).flatMap(([name, value]) => factOf(name, value)),
    errors: errors.map((one) => ({ at: one.at, error: redacting.error(one.error, about(message)) })),
    deadLetter: stage.stage === 'dead' ? stage.id : undefined,
    quarantined: stage.stage === 'quarantined' && !stage.decision ? stage.id : undefined,
  };
}

function factOf(name: string, value: string | number | Date | undefined): Fact[] {
  if (value === undefined) return [];
  return [{ name, ...(value instanceof Date ? { time: value.toISOString() } : { value: String(value) }) }];
}

function tried({ failures, lostLeases }: { failures: number; lostLeases: number }) {
  return { failures: failures || undefined, 'lost leases': lostLeases || undefined };
}
