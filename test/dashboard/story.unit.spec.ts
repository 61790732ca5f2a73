import { Redacting } from '../../src/dashboard/redact.js';
import { tellStory } from '../../src/dashboard/story.js';
import type { Findings, Stage } from '../../src/operate/index.js';

const AT = new Date('2026-03-01T03:00:00.000Z');
const whose = { topic: 'order.placed', bizId: 'A' };
const message = (stages: Stage[]): Findings['messages'][number] => ({
  ...whose,
  innerMsgId: 'ff00',
  seq: 7,
  orderingKey: undefined,
  expiresAt: undefined,
  stages,
});
const found = (...messages: Findings['messages']): Findings => ({
  ...whose,
  messages,
  rememberedMs: 30 * 86_400_000,
  isComplete: true,
  notes: [],
});
const tell = (findings: Findings, redact?: true) =>
  tellStory(findings, new Redacting(redact, () => undefined));

describe('the story of a message', () => {
  const tried = { failures: 2, lostLeases: 0, errors: [{ at: AT.toISOString(), error: 'no card left' }] };

  it('has each stage with its step, in words', () => {
    const { summary, messages } = tell(
      found(
        message([
          { stage: 'landed', at: AT },
          { stage: 'dead', group: 'cards', id: '3-7', reason: 'failed', since: AT, ...tried },
          { stage: 'done', group: 'sms', scenario: 'consumer/…', at: AT, byThis: true },
        ]),
      ),
    );
    expect(summary).toBe('One message of this biz-id.');
    expect(messages[0]!.parts).toMatchObject([
      { step: '2 land', title: 'Stored by the broker', tone: 'good', at: AT.toISOString() },
      {
        step: '5 ACK',
        title: 'Dead in cards',
        tone: 'bad',
        deadLetter: '3-7',
        facts: [
          { name: 'reason', value: 'failed' },
          { name: 'failures', value: '2' },
        ],
        errors: [{ error: 'no card left' }],
      },
      { step: '5 ACK', title: 'Took effect in sms', tone: 'good', facts: [] },
    ]);
  });

  it('leads to the quarantine only as long as nobody has decided', () => {
    const kept = { stage: 'quarantined', id: '4', reason: 'forgotten', copies: 1, since: AT } as const;
    const parts = (decision: 'released' | undefined) =>
      tell(found(message([{ ...kept, decision, decidedAt: decision && AT }]))).messages[0]!.parts;
    expect(parts(undefined)).toMatchObject([{ tone: 'bad', quarantined: '4' }]);
    expect(parts('released')).toMatchObject([
      { tone: 'plain', title: 'Was in quarantine: released', quarantined: undefined },
    ]);
  });

  it('says what nothing means: it never came, or is forgotten', () => {
    expect(tell(found()).summary).toMatch(
      /never came, or it was done more than 30 days ago and is forgotten/,
    );
    expect(tell({ ...found(), rememberedMs: undefined }).summary).toBe('Nothing is known of it.');
    expect(tell({ ...found(), isComplete: false }).summary).toBe('Not found where it could be looked.');
  });

  it('has no error text where that is redacted', () => {
    const story = tell(found(message([{ stage: 'retrying', group: 'cards', nextAt: AT, ...tried }])), true);
    expect(story.messages[0]!.parts[0]!.errors).toEqual([{ at: AT.toISOString(), error: '(redacted)' }]);
  });
});
