/** What an audit can find, and what each of it is called. docs/operations.md says what to do about it. */
export const FINDINGS = {
  'message-missing': ['missing', 'the message of this row is not there'],
  'turn-missing': [
    'missing',
    'the subscription has no turn, so nothing with an ordering key is handed out to it',
  ],
  'group-passed-over': [
    'missing',
    'parked as if no group subscribed, and one does: it was never given to it',
  ],
  'accepted-id-missing': ['missing', 'the id that this copy was held against is not accepted any more'],
  'scenario-missing': ['missing', 'the scenario of this row is not there'],
  'source-missing': [
    'missing',
    'the source of this row is not there, or is another scenario’s or subscription’s',
  ],
  'mark-missing': ['missing', 'a scenario and what is marked with it don’t have a mark alike'],
  'origin-missing': ['missing', 'the name by which this database is known is not there'],
  'effect-missing': ['missing', 'a dedup row says that it took effect, and there is no row of it'],
  'dedup-missing': ['missing', 'an effect without a dedup row'],
  'delivery-doubled': ['doubled', 'the same delivery is in more than one table'],
  'inner-msg-id-doubled': ['doubled', 'several messages have the same inner-msg-id'],
  'outbox-doubled': ['doubled', 'several rows of the outbox have the same inner-msg-id'],
  'key-doubled': ['doubled', 'two deliveries of one ordering key are under way at the same time'],
  'source-doubled': ['doubled', 'several current sources of a scenario are of the same group and topic'],
  'effect-doubled': ['doubled', 'several rows have the same biz-id'],
  'message-orphaned': ['orphaned', 'nothing holds the message any more, and no sweeper has dropped it'],
  'group-missing': ['orphaned', 'the group of this row is not there (any more)'],
  'topic-missing': ['orphaned', 'the topic of this row is not there'],
  'lease-uncounted': ['orphaned', 'counts towards a limit that the group does not have'],
  'dedup-torn': [
    'torn',
    'the transaction of this dedup row was broken from within: its effect may be there in part',
  ],
  'outbox-torn': ['torn', 'the row is not as it was written'],
  'wrong-topic': ['contradictory', 'the row is of another topic than its message'],
  'wrong-line': [
    'contradictory',
    'the row says otherwise than its message whether there is an ordering key, or which',
  ],
  'wrong-claim': ['contradictory', 'leased by a claim of another subscription'],
  'wrong-limit': [
    'contradictory',
    'counts towards the limit of a group, or as a kind of delivery, that it is none of',
  ],
  'wrong-quarantine': ['contradictory', 'the copy is held for a reason that does not hold'],
  'half-named': [
    'contradictory',
    'the dedup row names a message without a source, or a source without a message',
  ],
  'sent-unnoted': ['contradictory', 'the broker has accepted it, and the outbox says that it was never sent'],
} as const satisfies Record<string, readonly [Sort, string]>;

export type Sort = 'missing' | 'doubled' | 'orphaned' | 'torn' | 'contradictory';
export type FindingKind = keyof typeof FINDINGS;

/** One row that is wrong. */
export interface Finding {
  kind: FindingKind;
  /** As it is called in the database. */
  table: string;
  /** By what it is found there. */
  key: Readonly<Record<string, number | Buffer>>;
  bizId?: Buffer | undefined;
  /** What the kind does not say. */
  detail?: string;
}
