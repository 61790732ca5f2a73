import type { DataSource } from 'typeorm';

/** On a DataSource of the library's own, under a name that the ESM and the CommonJS copy of it share. */
const APP = Symbol.for('nestjs-idempotent-mq.app-data-source');

/** Says whose transactions a DataSource of the library's own stands for. */
export function standFor(own: DataSource, app: DataSource): void {
  Object.defineProperty(own, APP, { value: app });
}

/** The app's DataSource that this one stands for; any other stands for itself. */
export function appDataSourceOf(dataSource: DataSource): DataSource {
  return (dataSource as { [APP]?: DataSource })[APP] ?? dataSource;
}
