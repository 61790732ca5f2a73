import type { Logger } from 'typeorm';

/** Counts the versions that a DataSource has brought the tables to, by what it sends. */
export class SchemaChanges implements Logger {
  versions = 0;

  logQuery(sql: string): void {
    if (/^INSERT INTO \S*schema_version/.test(sql)) this.versions++;
  }

  logQueryError(): void {}
  logQuerySlow(): void {}
  logSchemaBuild(): void {}
  logMigration(): void {}
  log(): void {}
}
