import type { Engine } from './create.js';
import type { Raw } from './raw.js';

export interface Trigger {
  name: string;
  when: `${'BEFORE' | 'AFTER'} ${'INSERT' | 'UPDATE' | 'DELETE'}`;
  table: string;
  /** Of which rows; all of them unless it is given. */
  onlyIf?: string;
  /** One statement or several, of `NEW` and `OLD`. */
  does: string;
}

/** Something that the database does for each row. */
export async function createTrigger(raw: Raw, engine: Engine, trigger: Trigger): Promise<void> {
  for (const statement of engine === 'postgres' ? onPostgres(trigger) : [elsewhere(engine, trigger)]) {
    await raw.query(statement);
  }
}

function onPostgres({ name, when, table, onlyIf, does }: Trigger): string[] {
  const rows = onlyIf ? `FOR EACH ROW WHEN (${onlyIf})` : 'FOR EACH ROW';
  return [
    `CREATE FUNCTION ${name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${does}; RETURN NEW; END $$`,
    `CREATE TRIGGER ${name} ${when} ON ${table} ${rows} EXECUTE FUNCTION ${name}()`,
  ];
}

function elsewhere(engine: Engine, { name, when, table, onlyIf, does }: Trigger): string {
  const head = `CREATE TRIGGER ${name} ${when} ON ${table} FOR EACH ROW`;
  if (!onlyIf) return `${head} BEGIN ${does}; END`;
  return engine === 'sqlite'
    ? `${head} WHEN ${onlyIf} BEGIN ${does}; END`
    : `${head} BEGIN IF ${onlyIf} THEN ${does}; END IF; END`;
}
