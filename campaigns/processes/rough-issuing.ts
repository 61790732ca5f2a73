import { Inject } from '@nestjs/common';
import { getDataSourceToken } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { type DeliveryContext, IdempotentConsumer } from '../../src/index.js';
import { BEHAVIOURS } from '../conducts/behaviours.js';
import { type ConductName, conductsOn } from '../conducts/conduct.js';
import type { Engine } from '../databases/create.js';
import { Seeded } from '../seeded.js';
import type { Line } from './history.js';
import { issueCard } from './issuing.js';
import { type Payment, PaymentSucceeded } from './payment.js';
import { GROUPS, HISTORY, TASK, type Task, engineOfTask } from './task.js';

/** Of the calls, how many behave badly. */
const ROUGH = 0.02;
/** What may come again until it is done: nothing that commits by itself, and nothing that keeps others waiting for seconds. */
const CONDUCTS: readonly ConductName[] = [
  'throws after its effect',
  'throws something odd',
  'rejects after its effect',
  "uses the app's DataSource",
  "uses the app's DataSource, and swallows the refusal",
  'swallows a duplicate key',
  'swallows a duplicate key, which aborts',
  'answers a duplicate key with a savepoint',
  'nests transactions side by side',
  'rolls back and writes on',
  'rolls back, writes on and throws',
  'swallows an error 1213, and writes on',
  'swallows an error 40P01, and writes on',
  'runs into others, and swallows what comes of it',
  'forgets an await',
  'leaves a stream open',
  'changes its session',
  'calls a procedure that commits, which is refused',
  'sends COMMIT, which is refused',
  'sends COMMIT, and swallows the refusal',
];

export function roughConductsOn(engine: Engine): ConductName[] {
  const possible = conductsOn(engine);
  return CONDUCTS.filter((conduct) => possible.includes(conduct));
}

/** Handlers of which some calls fail, are rejected or do to their transaction what they can; the next call may behave. */
export class RoughIssuing {
  private readonly chance: Seeded;
  /** In turn, from a different one on in each process: each is to be seen. */
  private readonly conducts: readonly ConductName[];
  private turn: number;

  constructor(
    @Inject(TASK) private readonly task: Task,
    @Inject(HISTORY) private readonly write: (line: Line) => void,
    @Inject(getDataSourceToken()) private readonly dataSource: DataSource,
  ) {
    this.chance = new Seeded(`${task.seed}/handlers`);
    this.conducts = roughConductsOn(engineOfTask(task));
    this.turn = Math.floor(this.chance.between(0, this.conducts.length));
  }

  @IdempotentConsumer(PaymentSucceeded, { group: GROUPS[0] })
  print(payment: Payment, delivery: DeliveryContext): Promise<unknown> {
    return this.issue(payment, delivery);
  }

  @IdempotentConsumer(PaymentSucceeded, { group: GROUPS[1] })
  add(payment: Payment, delivery: DeliveryContext): Promise<unknown> {
    return this.issue(payment, delivery);
  }

  private issue({ paymentId }: Payment, { manager, group, attempt }: DeliveryContext): Promise<unknown> {
    const { chance, dataSource: outer } = this;
    const card = { paymentId, group, name: this.task.name, chance };
    const issue = (by = manager) => issueCard(by, card);
    if (!chance.chance(ROUGH)) return issue();
    const conduct = this.conducts[this.turn++ % this.conducts.length]!;
    this.write({ event: conduct, about: `${paymentId}, ${group}` });
    return BEHAVIOURS[conduct]({ ...card, attempt, manager, outer, issue });
  }
}
