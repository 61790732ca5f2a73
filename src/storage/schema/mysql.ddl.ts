import { mysql } from '../dialects/mysql.dialect.js';
import type { Database } from '../tables.js';

/**
 * Keys are binary (VARBINARY), so that no collation makes two of them one. Times are the database's, in microseconds
 * since 1970 UTC, so that no driver or session time zone shifts them. Claims and ACKs touch `delivery` by its primary
 * key alone: it has no other index.
 */
export function mysqlTables(t: Database['tables']): string[] {
  const engine = 'ENGINE=InnoDB ROW_FORMAT=DYNAMIC';
  return [
    `CREATE TABLE IF NOT EXISTS ${t.topic} (
      id INT UNSIGNED NOT NULL AUTO_INCREMENT,
      name VARBINARY(200) NOT NULL,
      PRIMARY KEY (id),
      UNIQUE KEY topic_name (name)
    ) ${engine}`,
    `CREATE TABLE IF NOT EXISTS ${t.subscription} (
      id INT UNSIGNED NOT NULL AUTO_INCREMENT,
      topic_id INT UNSIGNED NOT NULL,
      group_name VARBINARY(200) NOT NULL,
      version INT UNSIGNED NOT NULL,
      removed TINYINT NOT NULL DEFAULT 0,
      PRIMARY KEY (id),
      UNIQUE KEY topic_group (topic_id, group_name)
    ) ${engine}`,
    // Not a column of the subscription: whoever publishes share-locks that row until the end of the transaction.
    `CREATE TABLE IF NOT EXISTS ${t.paused} (
      subscription_id INT UNSIGNED NOT NULL,
      PRIMARY KEY (subscription_id)
    ) ${engine}`,
    // Not one either, for the same reason.
    `CREATE TABLE IF NOT EXISTS ${t.known_dedup} (
      subscription_id INT UNSIGNED NOT NULL,
      origin BINARY(16) NOT NULL,
      seen_at BIGINT NOT NULL,
      PRIMARY KEY (subscription_id, origin)
    ) ${engine}`,
    `CREATE TABLE IF NOT EXISTS ${t.message} (
      seq BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
      inner_msg_id BINARY(16) NOT NULL,
      topic_id INT UNSIGNED NOT NULL,
      biz_id VARBINARY(255) NOT NULL,
      ${mysql.body} LONGBLOB NOT NULL,
      headers BLOB NULL,
      ordering_key VARBINARY(255) NULL,
      landed_at BIGINT NOT NULL,
      deliver_at BIGINT NULL,
      expires_at BIGINT NULL,
      PRIMARY KEY (seq)
    ) ${engine}`,
    `CREATE TABLE IF NOT EXISTS ${t.delivery} (
      subscription_id INT UNSIGNED NOT NULL,
      seq BIGINT UNSIGNED NOT NULL,
      available_at BIGINT NOT NULL DEFAULT 0,
      token BINARY(16) NULL,
      failures SMALLINT UNSIGNED NOT NULL DEFAULT 0,
      lost_leases SMALLINT UNSIGNED NOT NULL DEFAULT 0,
      errors MEDIUMBLOB NULL,
      PRIMARY KEY (subscription_id, seq)
    ) ${engine}`,
    // The second key finds what of an ordering key is under way, however many wait behind it.
    `CREATE TABLE IF NOT EXISTS ${t.delivery_keyed} (
      subscription_id INT UNSIGNED NOT NULL,
      ordering_key VARBINARY(255) NOT NULL,
      seq BIGINT UNSIGNED NOT NULL,
      available_at BIGINT NOT NULL DEFAULT 0,
      token BINARY(16) NULL,
      failures SMALLINT UNSIGNED NOT NULL DEFAULT 0,
      lost_leases SMALLINT UNSIGNED NOT NULL DEFAULT 0,
      errors MEDIUMBLOB NULL,
      PRIMARY KEY (subscription_id, ordering_key, seq),
      KEY delivery_keyed_token (subscription_id, ordering_key, token)
    ) ${engine}`,
    // Not the subscription's own row: whoever publishes share-locks that until the end of the transaction.
    `CREATE TABLE IF NOT EXISTS ${t.keyed_turn} (
      subscription_id INT UNSIGNED NOT NULL,
      PRIMARY KEY (subscription_id)
    ) ${engine}`,
    `CREATE TABLE IF NOT EXISTS ${t.waiting} (
      subscription_id INT UNSIGNED NOT NULL,
      due_at BIGINT NOT NULL,
      seq BIGINT UNSIGNED NOT NULL,
      failures SMALLINT UNSIGNED NOT NULL DEFAULT 0,
      lost_leases SMALLINT UNSIGNED NOT NULL DEFAULT 0,
      errors MEDIUMBLOB NULL,
      PRIMARY KEY (subscription_id, due_at, seq),
      UNIQUE KEY subscription_seq (subscription_id, seq)
    ) ${engine}`,
    `CREATE TABLE IF NOT EXISTS ${t.parked} (
      topic_id INT UNSIGNED NOT NULL,
      seq BIGINT UNSIGNED NOT NULL,
      parked_at BIGINT NOT NULL,
      taken TINYINT NOT NULL DEFAULT 0,
      PRIMARY KEY (topic_id, seq),
      KEY parked_parked_at (topic_id, parked_at)
    ) ${engine}`,
    `CREATE TABLE IF NOT EXISTS ${t.dead_letter} (
      subscription_id INT UNSIGNED NOT NULL,
      seq BIGINT UNSIGNED NOT NULL,
      reason VARBINARY(40) NOT NULL,
      failures SMALLINT UNSIGNED NOT NULL,
      lost_leases SMALLINT UNSIGNED NOT NULL,
      errors MEDIUMBLOB NULL,
      dead_at BIGINT NOT NULL,
      PRIMARY KEY (subscription_id, seq),
      KEY dead_letter_dead_at (dead_at)
    ) ${engine}`,
    `CREATE TABLE IF NOT EXISTS ${t.group_limit} (
      group_name VARBINARY(200) NOT NULL,
      concurrency INT UNSIGNED NULL,
      per_second DOUBLE NULL,
      tokens DOUBLE NOT NULL DEFAULT 0,
      refilled_at BIGINT NOT NULL,
      PRIMARY KEY (group_name)
    ) ${engine}`,
    `CREATE TABLE IF NOT EXISTS ${t.limited_lease} (
      group_name VARBINARY(200) NOT NULL,
      subscription_id INT UNSIGNED NOT NULL,
      seq BIGINT UNSIGNED NOT NULL,
      ordering_key VARBINARY(255) NULL,
      token BINARY(16) NOT NULL,
      PRIMARY KEY (group_name, subscription_id, seq)
    ) ${engine}`,
    `CREATE TABLE IF NOT EXISTS ${t.claim_answer} (
      claim_id BINARY(16) NOT NULL,
      subscription_id INT UNSIGNED NOT NULL,
      answer MEDIUMBLOB NULL,
      expires_at BIGINT NOT NULL,
      PRIMARY KEY (claim_id),
      KEY claim_answer_expires_at (expires_at)
    ) ${engine}`,
    `CREATE TABLE IF NOT EXISTS ${t.scenario} (
      id INT UNSIGNED NOT NULL AUTO_INCREMENT,
      name VARBINARY(500) NOT NULL,
      kind TINYINT UNSIGNED NOT NULL DEFAULT 0,
      mark BIGINT NULL,
      retention_ms BIGINT NULL,
      PRIMARY KEY (id),
      UNIQUE KEY scenario_name (name)
    ) ${engine}`,
    // Rows of the dedup log name it by its number; so it stays when its subscription has gone.
    `CREATE TABLE IF NOT EXISTS ${t.scenario_source} (
      id INT UNSIGNED NOT NULL AUTO_INCREMENT,
      scenario_id INT UNSIGNED NOT NULL,
      broker BINARY(16) NOT NULL,
      subscription_id INT UNSIGNED NOT NULL,
      topic VARBINARY(200) NOT NULL,
      group_name VARBINARY(200) NOT NULL,
      mark BIGINT NULL,
      former TINYINT NOT NULL DEFAULT 0,
      PRIMARY KEY (id),
      UNIQUE KEY scenario_source_subscription (scenario_id, broker, subscription_id)
    ) ${engine}`,
    `CREATE TABLE IF NOT EXISTS ${t.scenario_contract} (
      scenario_id INT UNSIGNED NOT NULL,
      topic VARBINARY(200) NOT NULL,
      hash BINARY(16) NOT NULL,
      selector BLOB NOT NULL,
      seen_at BIGINT NOT NULL,
      PRIMARY KEY (scenario_id, topic, hash)
    ) ${engine}`,
    `CREATE TABLE IF NOT EXISTS ${t.dedup} (
      scenario_id INT UNSIGNED NOT NULL,
      biz_id VARBINARY(255) NOT NULL,
      token BINARY(16) NOT NULL,
      seq BIGINT UNSIGNED NOT NULL,
      source_id INT UNSIGNED NOT NULL DEFAULT 0,
      created_at BIGINT NOT NULL,
      fingerprint BINARY(16) NULL,
      result MEDIUMBLOB NULL,
      PRIMARY KEY (scenario_id, biz_id),
      KEY dedup_created_at (scenario_id, created_at)
    ) ${engine}`,
    `CREATE TABLE IF NOT EXISTS ${t.dedup_kept} (
      scenario_id INT UNSIGNED NOT NULL,
      biz_id VARBINARY(255) NOT NULL,
      landed_at BIGINT NOT NULL,
      PRIMARY KEY (scenario_id, biz_id, landed_at)
    ) ${engine}`,
    `CREATE TABLE IF NOT EXISTS ${t.outbox} (
      seq BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
      inner_msg_id BINARY(16) NOT NULL,
      former_id BINARY(16) NULL,
      topic VARBINARY(200) NOT NULL,
      biz_id VARBINARY(255) NOT NULL,
      ${mysql.body} LONGBLOB NOT NULL,
      body_bytes INT UNSIGNED NOT NULL,
      headers BLOB NULL,
      expires_at BIGINT NULL,
      available_at BIGINT NOT NULL DEFAULT 0,
      token BINARY(16) NULL,
      first_sent_at BIGINT NULL,
      sends INT UNSIGNED NOT NULL DEFAULT 0,
      PRIMARY KEY (seq)
    ) ${engine}`,
    `CREATE TABLE IF NOT EXISTS ${t.outbox_keyed} (
      key_hash BINARY(16) NOT NULL,
      seq BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
      ordering_key VARBINARY(255) NOT NULL,
      inner_msg_id BINARY(16) NOT NULL,
      former_id BINARY(16) NULL,
      topic VARBINARY(200) NOT NULL,
      biz_id VARBINARY(255) NOT NULL,
      ${mysql.body} LONGBLOB NOT NULL,
      body_bytes INT UNSIGNED NOT NULL,
      headers BLOB NULL,
      expires_at BIGINT NULL,
      available_at BIGINT NOT NULL DEFAULT 0,
      token BINARY(16) NULL,
      first_sent_at BIGINT NULL,
      sends INT UNSIGNED NOT NULL DEFAULT 0,
      PRIMARY KEY (key_hash, seq),
      UNIQUE KEY outbox_keyed_seq (seq)
    ) ${engine}`,
    `CREATE TABLE IF NOT EXISTS ${t.outbox_scheduled} (
      due_at BIGINT NOT NULL,
      inner_msg_id BINARY(16) NOT NULL,
      topic VARBINARY(200) NOT NULL,
      biz_id VARBINARY(255) NOT NULL,
      ${mysql.body} LONGBLOB NOT NULL,
      headers BLOB NULL,
      expires_at BIGINT NULL,
      first_sent_at BIGINT NULL,
      PRIMARY KEY (due_at, inner_msg_id)
    ) ${engine}`,
    `CREATE TABLE IF NOT EXISTS ${t.outbox_origin} (
      id TINYINT UNSIGNED NOT NULL,
      origin BINARY(16) NOT NULL,
      claims BIGINT UNSIGNED NOT NULL DEFAULT 0,
      broker BINARY(16) NULL,
      PRIMARY KEY (id)
    ) ${engine}`,
    // With the table: a backup that has an outbox has the name by which the broker knows it.
    `INSERT INTO ${t.outbox_origin} (id, origin)
      SELECT 1, UNHEX(REPLACE(UUID(), '-', '')) FROM (SELECT 1 AS one) once WHERE NOT EXISTS (SELECT 1 FROM ${t.outbox_origin} o)`,
    `CREATE TABLE IF NOT EXISTS ${t.accepted} (
      inner_msg_id BINARY(16) NOT NULL,
      body_hash BINARY(16) NOT NULL,
      PRIMARY KEY (inner_msg_id)
    ) ${engine}`,
    `CREATE TABLE IF NOT EXISTS ${t.accepted_floor} (
      id TINYINT UNSIGNED NOT NULL,
      floor BINARY(16) NOT NULL,
      clock BIGINT NOT NULL,
      PRIMARY KEY (id)
    ) ${engine}`,
    `CREATE TABLE IF NOT EXISTS ${t.known_origin} (
      origin BINARY(16) NOT NULL,
      claims BIGINT UNSIGNED NOT NULL,
      PRIMARY KEY (origin)
    ) ${engine}`,
    `CREATE TABLE IF NOT EXISTS ${t.quarantine} (
      id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
      inner_msg_id BINARY(16) NOT NULL,
      body_hash BINARY(16) NOT NULL,
      topic VARBINARY(200) NOT NULL,
      biz_id VARBINARY(255) NOT NULL,
      ${mysql.body} LONGBLOB NOT NULL,
      headers BLOB NULL,
      ordering_key VARBINARY(255) NULL,
      expires_at BIGINT NULL,
      reason VARBINARY(40) NOT NULL,
      copies INT UNSIGNED NOT NULL DEFAULT 1,
      quarantined_at BIGINT NOT NULL,
      decision VARBINARY(20) NULL,
      decided_at BIGINT NULL,
      PRIMARY KEY (id),
      UNIQUE KEY quarantine_copy (inner_msg_id, body_hash)
    ) ${engine}`,
  ];
}
