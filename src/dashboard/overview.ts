import type { IdempotentMqEvents } from '../events/index.js';
import type { Status } from '../operate/index.js';
import { Feed } from './live/feed.js';
import { OwnProcess } from './live/own-process.js';
import { StepCounts } from './live/step-counts.js';
import { type Redacting, about } from './redact.js';
import type { Json, Overview } from './wire.js';

/** Everything at one look: how the broker is, and what this process does. */
export class OverviewSource {
  private readonly counts = new StepCounts();
  private readonly own = new OwnProcess();
  private readonly feed: Feed;
  private readonly ending: { unsubscribe(): void };
  private looking: Promise<Overview> | undefined;

  constructor(
    private readonly status: () => Promise<Status>,
    { events$ }: IdempotentMqEvents,
    private readonly redacting: Redacting,
  ) {
    this.feed = new Feed((text, whose) => redacting.error(text, about(whose)));
    this.ending = events$.subscribe((event) => {
      this.counts.note(event);
      this.own.note(event);
      this.feed.note(event);
    });
  }

  /** However many ask at the same time, the broker is looked at once. */
  look(): Promise<Overview> {
    return (this.looking ??= this.lookNow().finally(() => (this.looking = undefined)));
  }

  close(): void {
    this.ending.unsubscribe();
  }

  private async lookNow(): Promise<Overview> {
    const status = await this.status();
    const { counts } = this;
    return {
      status: JSON.parse(JSON.stringify(status)) as Json<Status>,
      steps: counts.steps(status.broker.kind !== 'same-database'),
      groups: status.groups.map(({ topic, group }) => ({ topic, group, ...counts.group(topic, group) })),
      absorbed: counts.absorbed,
      process: this.own.line(counts.sends, (error) => this.redacting.error(error, {})),
      happened: this.feed.latest,
    };
  }
}
