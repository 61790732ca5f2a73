import { EntitySchema, type EntitySchemaColumnOptions } from 'typeorm';
import { DEFAULT_TABLE_PREFIX } from '../tables.js';

/** A topic's name in the database. */
export class TopicEntity {
  id!: number;
  name!: Buffer;
}

/** A group that receives a topic's messages. */
export class SubscriptionEntity {
  id!: number;
  topicId!: number;
  groupName!: Buffer;
  version!: number;
  removed!: number;
}

/** A stored message: one row for each inner-msg-id. */
export class MessageEntity {
  seq!: string;
  innerMsgId!: Buffer;
  topicId!: number;
  bizId!: Buffer;
  body!: Buffer;
  headers!: Buffer | null;
  orderingKey!: Buffer | null;
  /** Microseconds since 1970 UTC, like every time here. */
  landedAt!: string;
  deliverAt!: string | null;
  expiresAt!: string | null;
}

/** What a subscription still has to do about a message. */
export class DeliveryEntity {
  subscriptionId!: number;
  seq!: string;
  availableAt!: string;
  token!: Buffer | null;
  failures!: number;
  lostLeases!: number;
  errors!: Buffer | null;
}

/** The same for a message with an ordering key, also while it waits to be tried again. */
export class DeliveryKeyedEntity extends DeliveryEntity {
  orderingKey!: Buffer;
}

/** A delivery that waits for a time. */
export class WaitingEntity {
  subscriptionId!: number;
  dueAt!: string;
  seq!: string;
  failures!: number;
  lostLeases!: number;
  errors!: Buffer | null;
}

/** A message that found no group. */
export class ParkedEntity {
  topicId!: number;
  seq!: string;
  parkedAt!: string;
  taken!: number;
}

/** A delivery that is not tried any more. */
export class DeadLetterEntity {
  subscriptionId!: number;
  seq!: string;
  reason!: Buffer;
  failures!: number;
  lostLeases!: number;
  errors!: Buffer | null;
  deadAt!: string;
}

/** What a group is held to, all its topics and all processes together. */
export class GroupLimitEntity {
  groupName!: Buffer;
  concurrency!: number | null;
  perSecond!: number | null;
  /** What `perSecond` allowed to be handed out at once, at `refilledAt`. */
  tokens!: number;
  refilledAt!: string;
}

/** A lease that counts towards its group's `concurrency`, as long as it is one. */
export class LimitedLeaseEntity {
  groupName!: Buffer;
  subscriptionId!: number;
  seq!: string;
  orderingKey!: Buffer | null;
  token!: Buffer;
}

/** What a claim was answered over the network, for whoever asks for the same again. */
export class ClaimAnswerEntity {
  claimId!: Buffer;
  subscriptionId!: number;
  answer!: Buffer | null;
  expiresAt!: string;
}

/** A namespace of biz-ids. */
export class ScenarioEntity {
  id!: number;
  name!: Buffer;
  /** 0 unknown, 1 of consumers, 2 of `IdempotentExecutor`. */
  kind!: number;
  /** What was noted long enough before this may be forgotten. */
  mark!: string | null;
  /** The longest that any process has been set to; in milliseconds. */
  retentionMs!: string | null;
}

/** A subscription whose messages a scenario judges. */
export class ScenarioSourceEntity {
  id!: number;
  scenarioId!: number;
  broker!: Buffer;
  subscriptionId!: number;
  topic!: Buffer;
  groupName!: Buffer;
  /** The scenario's mark, by the broker's clock. */
  mark!: string | null;
  /** Whether its group was removed and came back with another number. */
  former!: number;
}

/** How the biz-ids of a topic were read from its bodies when a process last started with that. */
export class ScenarioContractEntity {
  scenarioId!: number;
  topic!: Buffer;
  hash!: Buffer;
  /** The topic's `bizId`, as text. */
  selector!: Buffer;
  seenAt!: string;
}

/** A biz-id that took effect in a scenario. */
export class DedupEntity {
  scenarioId!: number;
  bizId!: Buffer;
  token!: Buffer;
  /** Of the message that took effect, as its broker counts; 0 where there was none. */
  seq!: string;
  /** The broker, group and topic that it came from; 0 where there was none. */
  sourceId!: number;
  createdAt!: string;
  /** Of the body that took effect, where its consumer asked for it. */
  fingerprint!: Buffer | null;
  result!: Buffer | null;
}

/** A message that waits, and until it comes, its biz-id is not forgotten. */
export class DedupKeptEntity {
  scenarioId!: number;
  bizId!: Buffer;
  /** By the broker's clock, in whole milliseconds (as microseconds). */
  landedAt!: string;
}

/** A message in its publisher's database, until its ACK (3) has come. */
export class OutboxEntity {
  seq!: string;
  innerMsgId!: Buffer;
  /** What it was before it was replaced by a fresh one. */
  formerId!: Buffer | null;
  topic!: Buffer;
  bizId!: Buffer;
  body!: Buffer;
  /** Apart, so that a relay that looks for what to send doesn't read bodies that it has no room for. */
  bodyBytes!: number;
  headers!: Buffer | null;
  expiresAt!: string | null;
  /** When it may be sent (again). */
  availableAt!: string;
  token!: Buffer | null;
  /** From then on it may have reached the broker. */
  firstSentAt!: string | null;
  sends!: number;
}

/** The same for a message with an ordering key. */
export class OutboxKeyedEntity extends OutboxEntity {
  /** Of topic and key. */
  keyHash!: Buffer;
  orderingKey!: Buffer;
}

/** A message in its publisher's database whose time has not come. */
export class OutboxScheduledEntity {
  dueAt!: string;
  innerMsgId!: Buffer;
  topic!: Buffer;
  bizId!: Buffer;
  body!: Buffer;
  headers!: Buffer | null;
  expiresAt!: string | null;
  firstSentAt!: string | null;
}

/** The one row by which the broker knows an outbox. */
export class OutboxOriginEntity {
  id!: number;
  origin!: Buffer;
  claims!: string;
  /** The broker's own `origin`; null as long as nothing was sent. */
  broker!: Buffer | null;
}

/** An inner-msg-id that a relay sent, and that the broker remembers. */
export class AcceptedEntity {
  innerMsgId!: Buffer;
  bodyHash!: Buffer;
}

/** The one row that says up to which inner-msg-id the broker has forgotten. */
export class AcceptedFloorEntity {
  id!: number;
  floor!: Buffer;
  clock!: string;
}

/** An outbox that has sent something, and how far it had come. */
export class KnownOriginEntity {
  origin!: Buffer;
  claims!: string;
}

/** A database that consumers of a subscription deduplicate in, by its `origin`. */
export class KnownDedupEntity {
  subscriptionId!: number;
  origin!: Buffer;
  seenAt!: string;
}

/** A copy of a message that the broker can't tell from a repeat. */
export class QuarantineEntity {
  id!: string;
  innerMsgId!: Buffer;
  bodyHash!: Buffer;
  topic!: Buffer;
  bizId!: Buffer;
  body!: Buffer;
  headers!: Buffer | null;
  orderingKey!: Buffer | null;
  expiresAt!: string | null;
  reason!: Buffer;
  copies!: number;
  quarantinedAt!: string;
  /** `released` or `discarded`; null as long as nobody has decided. */
  decision!: Buffer | null;
  decidedAt!: string | null;
}

type ColumnKind = 'id' | 'int' | 'small' | 'big' | 'real' | 'bytes' | 'bytes16' | 'blob';

const MYSQL_COLUMNS: Record<ColumnKind, Partial<EntitySchemaColumnOptions>> = {
  id: { type: 'int', unsigned: true },
  int: { type: 'int', unsigned: true },
  small: { type: 'smallint', unsigned: true },
  big: { type: 'bigint' },
  real: { type: 'double' },
  bytes: { type: 'varbinary', length: 255 },
  bytes16: { type: 'binary', length: 16 },
  blob: { type: 'mediumblob' },
};

const numberOf = (value: string | number | null) => (value === null ? null : Number(value));

const POSTGRES_COLUMNS: Record<ColumnKind, Partial<EntitySchemaColumnOptions>> = {
  id: { type: 'integer' },
  // Where 4 bytes with a sign don't hold what MySQL's do without, the column has 8, which the driver gives as text.
  int: { type: 'bigint', transformer: { to: (value: unknown) => value, from: numberOf } },
  small: { type: 'integer' },
  big: { type: 'bigint' },
  real: { type: 'double precision' },
  bytes: { type: 'bytea' },
  bytes16: { type: 'bytea' },
  blob: { type: 'bytea' },
};

const textOf = (value: number | bigint | null) => (value === null ? null : String(value));

const SQLITE_COLUMNS: Record<ColumnKind, Partial<EntitySchemaColumnOptions>> = {
  id: { type: 'integer' },
  int: { type: 'integer' },
  small: { type: 'integer' },
  // As text, like the drivers of MySQL and MariaDB give a bigint.
  big: { type: 'integer', transformer: { to: (value: unknown) => value, from: textOf } },
  real: { type: 'real' },
  bytes: { type: 'blob' },
  bytes16: { type: 'blob' },
  blob: { type: 'blob' },
};

const COLUMNS = {
  mysql: MYSQL_COLUMNS,
  mariadb: MYSQL_COLUMNS,
  postgres: POSTGRES_COLUMNS,
  'better-sqlite3': SQLITE_COLUMNS,
};

/**
 * The library's tables as entities, for applications that want to read them through TypeORM. The library itself doesn't
 * need them in the app's DataSource. Their tables are the migrations' business: `synchronize` leaves them alone.
 *
 * @param type the `type` of the DataSource that they are for
 */
export function idempotentMqEntities(
  type: keyof typeof COLUMNS,
  { tablePrefix = DEFAULT_TABLE_PREFIX }: { tablePrefix?: string } = {},
): EntitySchema[] {
  const kinds = COLUMNS[type];
  const column = (kind: ColumnKind, name: string, more: Partial<EntitySchemaColumnOptions> = {}) =>
    ({ ...kinds[kind], name, ...more }) as EntitySchemaColumnOptions;
  const key = { primary: true };
  const generated = { primary: true, generated: 'increment' } as const;
  const optional = { nullable: true };
  const entity = <T>(
    target: new () => T,
    table: string,
    columns: Record<keyof T & string, EntitySchemaColumnOptions>,
  ) =>
    new EntitySchema({
      target,
      name: target.name,
      tableName: `${tablePrefix}${table}`,
      synchronize: false,
      columns,
    });
  const attempts = {
    failures: column('small', 'failures'),
    lostLeases: column('small', 'lost_leases'),
    errors: column('blob', 'errors', optional),
  };
  const sent = {
    topic: column('bytes', 'topic'),
    bizId: column('bytes', 'biz_id'),
    body: column('blob', 'body'),
    headers: column('blob', 'headers', optional),
    expiresAt: column('big', 'expires_at', optional),
  };
  const outbox = {
    seq: column('big', 'seq', generated),
    innerMsgId: column('bytes16', 'inner_msg_id'),
    formerId: column('bytes16', 'former_id', optional),
    ...sent,
    bodyBytes: column('int', 'body_bytes'),
    availableAt: column('big', 'available_at'),
    token: column('bytes16', 'token', optional),
    firstSentAt: column('big', 'first_sent_at', optional),
    sends: column('int', 'sends'),
  };
  return [
    entity(TopicEntity, 'topic', { id: column('id', 'id', generated), name: column('bytes', 'name') }),
    entity(SubscriptionEntity, 'subscription', {
      id: column('id', 'id', generated),
      topicId: column('int', 'topic_id'),
      groupName: column('bytes', 'group_name'),
      version: column('int', 'version'),
      removed: column('small', 'removed'),
    }),
    entity(MessageEntity, 'message', {
      seq: column('big', 'seq', generated),
      innerMsgId: column('bytes16', 'inner_msg_id'),
      topicId: column('int', 'topic_id'),
      bizId: column('bytes', 'biz_id'),
      body: column('blob', 'body'),
      headers: column('blob', 'headers', optional),
      orderingKey: column('bytes', 'ordering_key', optional),
      landedAt: column('big', 'landed_at'),
      deliverAt: column('big', 'deliver_at', optional),
      expiresAt: column('big', 'expires_at', optional),
    }),
    entity(DeliveryEntity, 'delivery', {
      subscriptionId: column('int', 'subscription_id', key),
      seq: column('big', 'seq', key),
      availableAt: column('big', 'available_at'),
      token: column('bytes16', 'token', optional),
      ...attempts,
    }),
    entity(DeliveryKeyedEntity, 'delivery_keyed', {
      subscriptionId: column('int', 'subscription_id', key),
      orderingKey: column('bytes', 'ordering_key', key),
      seq: column('big', 'seq', key),
      availableAt: column('big', 'available_at'),
      token: column('bytes16', 'token', optional),
      ...attempts,
    }),
    entity(WaitingEntity, 'waiting', {
      subscriptionId: column('int', 'subscription_id', key),
      dueAt: column('big', 'due_at', key),
      seq: column('big', 'seq', key),
      ...attempts,
    }),
    entity(ParkedEntity, 'parked', {
      topicId: column('int', 'topic_id', key),
      seq: column('big', 'seq', key),
      parkedAt: column('big', 'parked_at'),
      taken: column('small', 'taken'),
    }),
    entity(DeadLetterEntity, 'dead_letter', {
      subscriptionId: column('int', 'subscription_id', key),
      seq: column('big', 'seq', key),
      reason: column('bytes', 'reason'),
      ...attempts,
      deadAt: column('big', 'dead_at'),
    }),
    entity(GroupLimitEntity, 'group_limit', {
      groupName: column('bytes', 'group_name', key),
      concurrency: column('int', 'concurrency', optional),
      perSecond: column('real', 'per_second', optional),
      tokens: column('real', 'tokens'),
      refilledAt: column('big', 'refilled_at'),
    }),
    entity(LimitedLeaseEntity, 'limited_lease', {
      groupName: column('bytes', 'group_name', key),
      subscriptionId: column('int', 'subscription_id', key),
      seq: column('big', 'seq', key),
      orderingKey: column('bytes', 'ordering_key', optional),
      token: column('bytes16', 'token'),
    }),
    entity(ClaimAnswerEntity, 'claim_answer', {
      claimId: column('bytes16', 'claim_id', key),
      subscriptionId: column('int', 'subscription_id'),
      answer: column('blob', 'answer', optional),
      expiresAt: column('big', 'expires_at'),
    }),
    entity(ScenarioEntity, 'scenario', {
      id: column('id', 'id', generated),
      name: column('bytes', 'name'),
      kind: column('small', 'kind'),
      mark: column('big', 'mark', optional),
      retentionMs: column('big', 'retention_ms', optional),
    }),
    entity(ScenarioSourceEntity, 'scenario_source', {
      id: column('int', 'id', generated),
      scenarioId: column('int', 'scenario_id'),
      broker: column('bytes16', 'broker'),
      subscriptionId: column('int', 'subscription_id'),
      topic: column('bytes', 'topic'),
      groupName: column('bytes', 'group_name'),
      mark: column('big', 'mark', optional),
      former: column('small', 'former'),
    }),
    entity(ScenarioContractEntity, 'scenario_contract', {
      scenarioId: column('int', 'scenario_id', key),
      topic: column('bytes', 'topic', key),
      hash: column('bytes16', 'hash', key),
      selector: column('blob', 'selector'),
      seenAt: column('big', 'seen_at'),
    }),
    entity(DedupEntity, 'dedup', {
      scenarioId: column('int', 'scenario_id', key),
      bizId: column('bytes', 'biz_id', key),
      token: column('bytes16', 'token'),
      seq: column('big', 'seq'),
      sourceId: column('int', 'source_id'),
      createdAt: column('big', 'created_at'),
      fingerprint: column('bytes16', 'fingerprint', optional),
      result: column('blob', 'result', optional),
    }),
    entity(DedupKeptEntity, 'dedup_kept', {
      scenarioId: column('int', 'scenario_id', key),
      bizId: column('bytes', 'biz_id', key),
      landedAt: column('big', 'landed_at', key),
    }),
    entity(OutboxEntity, 'outbox', outbox),
    entity(OutboxKeyedEntity, 'outbox_keyed', {
      ...outbox,
      keyHash: column('bytes16', 'key_hash'),
      orderingKey: column('bytes', 'ordering_key'),
    }),
    entity(OutboxScheduledEntity, 'outbox_scheduled', {
      dueAt: column('big', 'due_at', key),
      innerMsgId: column('bytes16', 'inner_msg_id', key),
      ...sent,
      firstSentAt: column('big', 'first_sent_at', optional),
    }),
    entity(OutboxOriginEntity, 'outbox_origin', {
      id: column('small', 'id', key),
      origin: column('bytes16', 'origin'),
      claims: column('big', 'claims'),
      broker: column('bytes16', 'broker', optional),
    }),
    entity(AcceptedEntity, 'accepted', {
      innerMsgId: column('bytes16', 'inner_msg_id', key),
      bodyHash: column('bytes16', 'body_hash'),
    }),
    entity(AcceptedFloorEntity, 'accepted_floor', {
      id: column('small', 'id', key),
      floor: column('bytes16', 'floor'),
      clock: column('big', 'clock'),
    }),
    entity(KnownOriginEntity, 'known_origin', {
      origin: column('bytes16', 'origin', key),
      claims: column('big', 'claims'),
    }),
    entity(KnownDedupEntity, 'known_dedup', {
      subscriptionId: column('int', 'subscription_id', key),
      origin: column('bytes16', 'origin', key),
      seenAt: column('big', 'seen_at'),
    }),
    entity(QuarantineEntity, 'quarantine', {
      id: column('big', 'id', generated),
      innerMsgId: column('bytes16', 'inner_msg_id'),
      bodyHash: column('bytes16', 'body_hash'),
      ...sent,
      orderingKey: column('bytes', 'ordering_key', optional),
      reason: column('bytes', 'reason'),
      copies: column('int', 'copies'),
      quarantinedAt: column('big', 'quarantined_at'),
      decision: column('bytes', 'decision', optional),
      decidedAt: column('big', 'decided_at', optional),
    }),
  ] as EntitySchema[];
}
