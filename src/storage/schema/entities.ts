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

/** A namespace of biz-ids. */
export class ScenarioEntity {
  id!: number;
  name!: Buffer;
}

/** A biz-id that took effect in a scenario. */
export class DedupEntity {
  scenarioId!: number;
  bizId!: Buffer;
  token!: Buffer;
  seq!: string;
  subscriptionId!: number;
  createdAt!: string;
  result!: Buffer | null;
}

type ColumnKind = 'id' | 'int' | 'small' | 'big' | 'bytes' | 'bytes16' | 'blob';

const MYSQL_COLUMNS: Record<ColumnKind, Partial<EntitySchemaColumnOptions>> = {
  id: { type: 'int', unsigned: true },
  int: { type: 'int', unsigned: true },
  small: { type: 'smallint', unsigned: true },
  big: { type: 'bigint' },
  bytes: { type: 'varbinary', length: 255 },
  bytes16: { type: 'binary', length: 16 },
  blob: { type: 'mediumblob' },
};

const SQLITE_COLUMNS: Record<ColumnKind, Partial<EntitySchemaColumnOptions>> = {
  id: { type: 'integer' },
  int: { type: 'integer' },
  small: { type: 'integer' },
  // As text, like the drivers of MySQL and MariaDB give a bigint.
  big: { type: 'integer', transformer: { to: (value: unknown) => value, from: String } },
  bytes: { type: 'blob' },
  bytes16: { type: 'blob' },
  blob: { type: 'blob' },
};

/**
 * The library's tables as entities, for applications that want to read them through TypeORM. The library itself doesn't
 * need them in the app's DataSource. Their tables are the migrations' business: `synchronize` leaves them alone.
 *
 * @param type the `type` of the DataSource that they are for
 */
export function idempotentMqEntities(
  type: 'mysql' | 'mariadb' | 'better-sqlite3',
  { tablePrefix = DEFAULT_TABLE_PREFIX }: { tablePrefix?: string } = {},
): EntitySchema[] {
  const kinds = type === 'better-sqlite3' ? SQLITE_COLUMNS : MYSQL_COLUMNS;
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
    entity(ScenarioEntity, 'scenario', { id: column('id', 'id', generated), name: column('bytes', 'name') }),
    entity(DedupEntity, 'dedup', {
      scenarioId: column('int', 'scenario_id', key),
      bizId: column('bytes', 'biz_id', key),
      token: column('bytes16', 'token'),
      seq: column('big', 'seq'),
      subscriptionId: column('int', 'subscription_id'),
      createdAt: column('big', 'created_at'),
      result: column('blob', 'result', optional),
    }),
  ] as EntitySchema[];
}
