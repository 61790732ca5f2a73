import { isTransactionControl, outlastsTransaction } from '../../src/transaction/transaction-control.js';

const postgres = { engine: 'postgres' } as const;

describe('a query of a handler on PostgreSQL', () => {
  it.each([
    ['COMMIT'],
    ['SELECT 1; COMMIT; BEGIN'],
    ['SELECT 1 -- as it was\r; COMMIT; BEGIN; SELECT 2'],
    ["/* /* */ ' */ SELECT 1; COMMIT; BEGIN; SELECT ''"],
    ["SELECT $é$ ' $é$; COMMIT; BEGIN; SELECT ''"],
    ['SELECT 1 AS é$$; COMMIT; BEGIN; SELECT 1 AS é$$'],
  ])('is refused, because it ends its transaction: %j', (sql) => {
    expect(isTransactionControl(sql, postgres)).toBe(true);
  });

  it.each([
    ["SELECT '; COMMIT; '"],
    ['SELECT 1 /* ; COMMIT; /* ; COMMIT */ ; COMMIT */'],
    ['SELECT $tag$; COMMIT; $tag$'],
    ['SELECT 1 -- ; COMMIT'],
    ['ROLLBACK TO SAVEPOINT mine'],
  ])('is not refused for a word that is none of a statement: %j', (sql) => {
    expect(isTransactionControl(sql, postgres)).toBe(false);
  });

  it.each([
    ['CREATE TEMP TABLE mine (id INT)'],
    ['CREATE TEMPORARY TABLE mine (id INT)'],
    ['CREATE OR REPLACE TEMP VIEW mine AS SELECT 1'],
    ['SELECT * INTO TEMP mine FROM theirs'],
    ['CREATE TABLE pg_temp.mine (id INT)'],
    ["UPDATE pg_settings SET setting = 'x' WHERE name = 'application_name'"],
    ["SET lock_timeout = '7s'"],
  ])('costs its connection, because it leaves something on it: %j', (sql) => {
    expect(outlastsTransaction(sql, postgres)).toBe(true);
  });

  it.each([
    ["SET LOCAL lock_timeout = '7s'"],
    ['SELECT setting FROM pg_settings'],
    ['INSERT INTO temporary VALUES (1)'],
    ['SELECT temp FROM mine'],
  ])('leaves nothing on it: %j', (sql) => {
    expect(outlastsTransaction(sql, postgres)).toBe(false);
  });
});
