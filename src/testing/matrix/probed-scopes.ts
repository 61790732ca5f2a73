import type { QueryRunner } from 'typeorm';
import { currentScope } from '../../transaction/index.js';
import { ConfigurationError } from '../../errors/index.js';
import type { TestedRuntime } from '../harness/runtime-of.js';
import {
  type Connection,
  type Dialect,
  type ScopeDelivery,
  type ScopeRunner,
  rollback,
} from '../../storage/index.js';
import { interpose } from '../interpose.js';
import { failLate } from './hold-back.js';
import { Probe, type Statement } from './probe.js';

/** On the connections whose scopes are probed. */
const PROBED = Symbol.for('nestjs-idempotent-mq.probed-scopes');

/** What a run does, to the publishing and to the transactions of handlers, each where it may. */
export interface Disturbance {
  /** In place of the one call of the test's `publish`. @returns why it was refused, if that is no failure */
  publish?(publish: () => Promise<unknown>): Promise<string | undefined>;
  /** Each transaction begins when the one before it is over: none sees what another one does. */
  isOneByOne?: boolean;
  /** Before the transaction begins. */
  beforeBegin?(delivery: ScopeDelivery): Promise<void>;
  /** In place of a statement, which `run` sends. */
  statement?(probe: Probe, statement: Statement, run: () => Promise<unknown>): Promise<unknown>;
}

/** The transactions of the app's idempotent handlers, seen through the runner that each is given. */
export class ProbedScopes {
  /** Of the present run. */
  probes: Probe[] = [];
  private disturbance: Disturbance = {};
  private lastTurn: Promise<void> = Promise.resolve();
  private readonly byDelivery = new Map<ScopeDelivery, Probe>();
  private readonly dialect: Dialect;
  private readonly undo: (() => void)[];

  /** @throws ConfigurationError where another matrix is at it */
  constructor({ connections, caller }: TestedRuntime) {
    this.dialect = connections.database.dialect;
    if (PROBED in connections) {
      throw new ConfigurationError(
        'A crashMatrix is under way in this app already: await it before the next one, for each cuts off what the other one runs.',
      );
    }
    Object.defineProperty(connections, PROBED, { value: true, configurable: true });
    this.undo = [
      () => void Reflect.deleteProperty(connections, PROBED),
      interpose(connections, 'scopeRunner', (scopeRunner) => async (request) => {
        const { delivery } = request;
        if (!delivery) return scopeRunner(request);
        const leave = this.disturbance.isOneByOne ? await this.takeTurn() : () => undefined;
        await this.disturbance.beforeBegin?.(delivery);
        const connection = await scopeRunner(request).catch((error: unknown) => {
          leave();
          throw error;
        });
        const release = connection.release.bind(connection);
        const destroy = connection.destroy.bind(connection);
        Object.assign(connection, {
          release: () => release().finally(leave),
          destroy: () => (destroy(), leave()),
        });
        this.probe(delivery, connection);
        return connection;
      }),
      interpose(caller, 'call', (call) => async (...args) => {
        const delivery = currentScope()?.delivery;
        const probe = delivery && this.byDelivery.get(delivery);
        return probe ? probe.around(() => call(...args)) : call(...args);
      }),
    ];
  }

  begin(disturbance: Disturbance): void {
    this.probes = [];
    this.byDelivery.clear();
    this.disturbance = disturbance;
  }

  private probe(delivery: ScopeDelivery, connection: ScopeRunner): void {
    const { runner } = connection;
    const query = runner.query.bind(runner) as (...args: unknown[]) => Promise<unknown>;
    const nth = this.probes.filter((probe) => probe.delivery.consumer === delivery.consumer).length;
    const { engine, errorsAbort } = this.dialect;
    const undo = () => rollback({ query: query as Connection['query'] });
    // Any error does it.
    const abort = () => query('SELECT 1 / 0').catch(() => undefined);
    const probe = new Probe(
      delivery,
      nth,
      () => connection.destroy(),
      engine,
      errorsAbort ? abort : undo,
      errorsAbort ? abort : () => Promise.resolve(),
    );
    this.probes.push(probe);
    this.byDelivery.set(delivery, probe);
    const probed = (...args: Parameters<QueryRunner['query']>) => {
      const statement = probe.next(args[0]);
      const { disturbance } = this;
      if (!statement || !disturbance.statement) return query(...args);
      const run = () =>
        query(...args).catch((error: unknown) => {
          if (!statement.isHandlers) throw error;
          return failLate(probe, statement, error);
        });
      return disturbance.statement(probe, statement, run);
    };
    Object.assign(runner, { query: probed });
  }

  private async takeTurn(): Promise<() => void> {
    const before = this.lastTurn;
    let leave!: () => void;
    this.lastTurn = new Promise((resolve) => (leave = resolve));
    await before;
    return leave;
  }

  close(): void {
    for (const undo of this.undo) undo();
  }
}
