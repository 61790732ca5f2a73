import { sqlite } from '../dialects/sqlite.dialect.js';
import type { Database } from '../tables.js';

/** The same tables as in mysql.ddl.ts. BLOB keys compare byte by byte. A UNIQUE that ends in the primary key is an index. */
export function sqliteTables(t: Database['tables']): string[] {
  return [
    `CREATE TABLE IF NOT EXISTS ${t.topic} (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      name BLOB NOT NULL UNIQUE
    )`,
    `CREATE TABLE IF NOT EXISTS ${t.subscription} (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      topic_id INTEGER NOT NULL,
      group_name BLOB NOT NULL,
      version INTEGER NOT NULL,
      removed INTEGER NOT NULL DEFAULT 0,
      UNIQUE (topic_id, group_name)
    )`,
    `CREATE TABLE IF NOT EXISTS ${t.paused} (
      subscription_id INTEGER NOT NULL PRIMARY KEY
    )`,
    `CREATE TABLE IF NOT EXISTS ${t.known_dedup} (
      subscription_id INTEGER NOT NULL,
      origin BLOB NOT NULL,
      seen_at INTEGER NOT NULL,
      PRIMARY KEY (subscription_id, origin)
    ) WITHOUT ROWID`,
    // AUTOINCREMENT: without it SQLite gives a deleted message's seq to the next one, whose dedup row would then seem torn.
    `CREATE TABLE IF NOT EXISTS ${t.message} (
      seq INTEGER PRIMARY KEY AUTOINCREMENT,
      inner_msg_id BLOB NOT NULL,
      topic_id INTEGER NOT NULL,
      biz_id BLOB NOT NULL,
      ${sqlite.body} BLOB NOT NULL,
      headers BLOB NULL,
      ordering_key BLOB NULL,
      landed_at INTEGER NOT NULL,
      deliver_at INTEGER NULL,
      expires_at INTEGER NULL
    )`,
    `CREATE TABLE IF NOT EXISTS ${t.delivery} (
      subscription_id INTEGER NOT NULL,
      seq INTEGER NOT NULL,
      available_at INTEGER NOT NULL DEFAULT 0,
      token BLOB NULL,
      failures INTEGER NOT NULL DEFAULT 0,
      lost_leases INTEGER NOT NULL DEFAULT 0,
      errors BLOB NULL,
      PRIMARY KEY (subscription_id, seq)
    ) WITHOUT ROWID`,
    `CREATE TABLE IF NOT EXISTS ${t.delivery_keyed} (
      subscription_id INTEGER NOT NULL,
      ordering_key BLOB NOT NULL,
      seq INTEGER NOT NULL,
      available_at INTEGER NOT NULL DEFAULT 0,
      token BLOB NULL,
      failures INTEGER NOT NULL DEFAULT 0,
      lost_leases INTEGER NOT NULL DEFAULT 0,
      errors BLOB NULL,
      PRIMARY KEY (subscription_id, ordering_key, seq),
      UNIQUE (subscription_id, ordering_key, token, seq)
    ) WITHOUT ROWID`,
    `CREATE TABLE IF NOT EXISTS ${t.keyed_turn} (
      subscription_id INTEGER NOT NULL PRIMARY KEY
    )`,
    `CREATE TABLE IF NOT EXISTS ${t.waiting} (
      subscription_id INTEGER NOT NULL,
      due_at INTEGER NOT NULL,
      seq INTEGER NOT NULL,
      failures INTEGER NOT NULL DEFAULT 0,
      lost_leases INTEGER NOT NULL DEFAULT 0,
      errors BLOB NULL,
      PRIMARY KEY (subscription_id, due_at, seq),
      UNIQUE (subscription_id, seq)
    ) WITHOUT ROWID`,
    `CREATE TABLE IF NOT EXISTS ${t.parked} (
      topic_id INTEGER NOT NULL,
      seq INTEGER NOT NULL,
      parked_at INTEGER NOT NULL,
      taken INTEGER NOT NULL DEFAULT 0,
      PRIMARY KEY (topic_id, seq),
      UNIQUE (topic_id, parked_at, seq)
    ) WITHOUT ROWID`,
    `CREATE TABLE IF NOT EXISTS ${t.dead_letter} (
      subscription_id INTEGER NOT NULL,
      seq INTEGER NOT NULL,
      reason BLOB NOT NULL,
      failures INTEGER NOT NULL,
      lost_leases INTEGER NOT NULL,
      errors BLOB NULL,
      dead_at INTEGER NOT NULL,
      PRIMARY KEY (subscription_id, seq),
      UNIQUE (dead_at, subscription_id, seq)
    ) WITHOUT ROWID`,
    `CREATE TABLE IF NOT EXISTS ${t.group_limit} (
      group_name BLOB NOT NULL,
      concurrency INTEGER NULL,
      per_second REAL NULL,
      tokens REAL NOT NULL DEFAULT 0,
      refilled_at INTEGER NOT NULL,
      PRIMARY KEY (group_name)
    ) WITHOUT ROWID`,
    `CREATE TABLE IF NOT EXISTS ${t.limited_lease} (
      group_name BLOB NOT NULL,
      subscription_id INTEGER NOT NULL,
      seq INTEGER NOT NULL,
      ordering_key BLOB NULL,
      token BLOB NOT NULL,
      PRIMARY KEY (group_name, subscription_id, seq)
    ) WITHOUT ROWID`,
    `CREATE TABLE IF NOT EXISTS ${t.claim_answer} (
      claim_id BLOB NOT NULL,
      subscription_id INTEGER NOT NULL,
      answer BLOB NULL,
      expires_at INTEGER NOT NULL,
      PRIMARY KEY (claim_id),
      UNIQUE (expires_at, claim_id)
    ) WITHOUT ROWID`,
    `CREATE TABLE IF NOT EXISTS ${t.scenario} (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      name BLOB NOT NULL UNIQUE,
      kind INTEGER NOT NULL DEFAULT 0,
      mark INTEGER NULL,
      retention_ms INTEGER NULL
    )`,
    `CREATE TABLE IF NOT EXISTS ${t.scenario_source} (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      scenario_id INTEGER NOT NULL,
      broker BLOB NOT NULL,
      subscription_id INTEGER NOT NULL,
      topic BLOB NOT NULL,
      group_name BLOB NOT NULL,
      mark INTEGER NULL,
      former INTEGER NOT NULL DEFAULT 0,
      UNIQUE (scenario_id, broker, subscription_id)
    )`,
    `CREATE TABLE IF NOT EXISTS ${t.scenario_contract} (
      scenario_id INTEGER NOT NULL,
      topic BLOB NOT NULL,
      hash BLOB NOT NULL,
      selector BLOB NOT NULL,
      seen_at INTEGER NOT NULL,
      PRIMARY KEY (scenario_id, topic, hash)
    ) WITHOUT ROWID`,
    `CREATE TABLE IF NOT EXISTS ${t.dedup} (
      scenario_id INTEGER NOT NULL,
      biz_id BLOB NOT NULL,
      token BLOB NOT NULL,
      seq INTEGER NOT NULL,
      source_id INTEGER NOT NULL DEFAULT 0,
      created_at INTEGER NOT NULL,
      fingerprint BLOB NULL,
      result BLOB NULL,
      PRIMARY KEY (scenario_id, biz_id),
      UNIQUE (scenario_id, created_at, biz_id)
    ) WITHOUT ROWID`,
    `CREATE TABLE IF NOT EXISTS ${t.dedup_kept} (
      scenario_id INTEGER NOT NULL,
      biz_id BLOB NOT NULL,
      landed_at INTEGER NOT NULL,
      PRIMARY KEY (scenario_id, biz_id, landed_at)
    ) WITHOUT ROWID`,
    // AUTOINCREMENT: the number of a row that is gone must not come again, or a late answer would delete its successor.
    `CREATE TABLE IF NOT EXISTS ${t.outbox} (
      seq INTEGER PRIMARY KEY AUTOINCREMENT,
      inner_msg_id BLOB NOT NULL,
      former_id BLOB NULL,
      topic BLOB NOT NULL,
      biz_id BLOB NOT NULL,
      ${sqlite.body} BLOB NOT NULL,
      body_bytes INTEGER NOT NULL,
      headers BLOB NULL,
      expires_at INTEGER NULL,
      available_at INTEGER NOT NULL DEFAULT 0,
      token BLOB NULL,
      first_sent_at INTEGER NULL,
      sends INTEGER NOT NULL DEFAULT 0
    )`,
    `CREATE TABLE IF NOT EXISTS ${t.outbox_keyed} (
      seq INTEGER PRIMARY KEY AUTOINCREMENT,
      key_hash BLOB NOT NULL,
      ordering_key BLOB NOT NULL,
      inner_msg_id BLOB NOT NULL,
      former_id BLOB NULL,
      topic BLOB NOT NULL,
      biz_id BLOB NOT NULL,
      ${sqlite.body} BLOB NOT NULL,
      body_bytes INTEGER NOT NULL,
      headers BLOB NULL,
      expires_at INTEGER NULL,
      available_at INTEGER NOT NULL DEFAULT 0,
      token BLOB NULL,
      first_sent_at INTEGER NULL,
      sends INTEGER NOT NULL DEFAULT 0,
      UNIQUE (key_hash, seq)
    )`,
    `CREATE TABLE IF NOT EXISTS ${t.outbox_scheduled} (
      due_at INTEGER NOT NULL,
      inner_msg_id BLOB NOT NULL,
      topic BLOB NOT NULL,
      biz_id BLOB NOT NULL,
      ${sqlite.body} BLOB NOT NULL,
      headers BLOB NULL,
      expires_at INTEGER NULL,
      first_sent_at INTEGER NULL,
      PRIMARY KEY (due_at, inner_msg_id)
    ) WITHOUT ROWID`,
    `CREATE TABLE IF NOT EXISTS ${t.outbox_origin} (
      id INTEGER NOT NULL PRIMARY KEY,
      origin BLOB NOT NULL,
      claims INTEGER NOT NULL DEFAULT 0,
      broker BLOB NULL
    )`,
    // With the table: a backup that has an outbox has the name by which the broker knows it.
    `INSERT INTO ${t.outbox_origin} (id, origin)
      SELECT 1, randomblob(16) FROM (SELECT 1 AS one) once WHERE NOT EXISTS (SELECT 1 FROM ${t.outbox_origin} o)`,
    `CREATE TABLE IF NOT EXISTS ${t.accepted} (
      inner_msg_id BLOB NOT NULL PRIMARY KEY,
      body_hash BLOB NOT NULL
    ) WITHOUT ROWID`,
    `CREATE TABLE IF NOT EXISTS ${t.accepted_floor} (
      id INTEGER NOT NULL PRIMARY KEY,
      floor BLOB NOT NULL,
      clock INTEGER NOT NULL
    )`,
    `CREATE TABLE IF NOT EXISTS ${t.known_origin} (
      origin BLOB NOT NULL PRIMARY KEY,
      claims INTEGER NOT NULL
    ) WITHOUT ROWID`,
    `CREATE TABLE IF NOT EXISTS ${t.quarantine} (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      inner_msg_id BLOB NOT NULL,
      body_hash BLOB NOT NULL,
      topic BLOB NOT NULL,
      biz_id BLOB NOT NULL,
      ${sqlite.body} BLOB NOT NULL,
      headers BLOB NULL,
      ordering_key BLOB NULL,
      expires_at INTEGER NULL,
      reason BLOB NOT NULL,
      copies INTEGER NOT NULL DEFAULT 1,
      quarantined_at INTEGER NOT NULL,
      decision BLOB NULL,
      decided_at INTEGER NULL,
      UNIQUE (inner_msg_id, body_hash)
    )`,
  ];
}
