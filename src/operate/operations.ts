import type { RemovedSubscription, SubscribeRequest } from '../broker/index.js';
import { type FindOptions, findStories } from './find-stories.js';
import type { OperationsDeps } from './operations-deps.js';
import { readStatus } from './read-status.js';
import type { Status } from './status.js';
import type { Findings } from './story.js';

/** What an operator asks and does, whatever is apart: the command line and a dashboard stand on it. */
export class IdempotentMqOperations {
  /** @internal */
  constructor(private readonly deps: OperationsDeps) {}

  /**
   * How everything is: what waits where and since when. Cheap however much there is: no table is counted beyond 100,000
   * rows, and no part of it locks anything. A broker that can't be reached is noted, and not thrown.
   */
  status(): Promise<Status> {
    return readStatus(this.deps);
  }

  /**
   * What became of a biz-id: one story for each of its messages. There is no index on biz-ids, which every publish would
   * pay for: this reads all that is unfinished, for as long as `withinMs` allows, without locks; and the dedup log by its
   * key. See docs/cli.md.
   *
   * @throws InvalidOptionError, InvalidBizIdError naming what came
   */
  find(topic: string, bizId: string, options: FindOptions = {}): Promise<Findings> {
    return findStories(this.deps, { topic, bizId, options });
  }

  /** What is not tried any more: seen, tried again or thrown away. */
  get deadLetters() {
    return this.deps.broker.operated.deadLetters;
  }

  /** What the broker can't tell from repeats: seen, released or discarded. */
  get quarantine() {
    return this.deps.broker.operated.quarantine;
  }

  /** Who receives what: seen, paused, resumed, limited. */
  get groups() {
    return this.deps.broker.operated.groups;
  }

  /** Takes a group away for good, as `BrokerService.removeSubscription` does. */
  removeGroup(request: SubscribeRequest): Promise<RemovedSubscription> {
    return this.deps.broker.operated.removeSubscription(request);
  }
}
