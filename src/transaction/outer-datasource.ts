import type { DataSource, QueryRunner, ReplicationMode } from 'typeorm';
import { OuterDataSourceError } from '../errors/index.js';
import { currentScope } from './ambient-scope.js';

const guarded = Symbol.for('nestjs-idempotent-mq.outer-datasource-guarded');

interface GuardableDriver {
  createQueryRunner(mode: ReplicationMode): QueryRunner;
  [guarded]?: true;
}

/**
 * Refuses the app's DataSource to code that runs in a scope of this library, before anything runs: repositories that
 * were injected, `dataSource.query()` and `dataSource.transaction()` all get their runner from the driver.
 */
export function refuseOuterUse(dataSource: DataSource): void {
  const driver = dataSource.driver as GuardableDriver;
  if (driver[guarded]) return;
  const createQueryRunner = driver.createQueryRunner.bind(driver);
  driver.createQueryRunner = (mode) => {
    const scope = currentScope();
    if (scope?.dataSource === dataSource) throw scope.handOver(new OuterDataSourceError(scope.name));
    return createQueryRunner(mode);
  };
  Object.defineProperty(driver, guarded, { value: true });
}
