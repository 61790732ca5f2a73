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
 * were injected, `dataSource.query()` and `dataSource.transaction()` all get their runner from the driver. A runner that
 * was made outside of the scope is refused when it is used in it.
 */
export function refuseOuterUse(dataSource: DataSource): void {
  const driver = dataSource.driver as GuardableDriver;
  if (driver[guarded]) return;
  const createQueryRunner = driver.createQueryRunner.bind(driver);
  const refuse = () => {
    const scope = currentScope();
    if (scope?.dataSource === dataSource) throw scope.handOver(new OuterDataSourceError(scope.name));
  };
  driver.createQueryRunner = (mode) => {
    refuse();
    return refusing(createQueryRunner(mode), refuse);
  };
  Object.defineProperty(driver, guarded, { value: true });
}

function refusing(runner: QueryRunner, refuse: () => void): QueryRunner {
  const query = runner.query.bind(runner) as (...args: unknown[]) => Promise<unknown>;
  const stream = runner.stream.bind(runner);
  return Object.assign(runner, {
    query: async (...args: unknown[]) => {
      refuse();
      return query(...args);
    },
    stream: async (...args: Parameters<QueryRunner['stream']>) => {
      refuse();
      return stream(...args);
    },
  });
}
