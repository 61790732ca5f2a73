import type { LeasedRow } from '../storage/index.js';
import type { GuardedSpan, GuardedTracing } from '../tracing/index.js';
import type { SendAnswer } from '../transport/port.js';

/** A span for each message of a shipment, in the trace of its own publish: there its story is looked for. */
export class TracedShipment {
  private readonly spans: readonly (GuardedSpan | undefined)[];

  constructor(tracing: GuardedTracing, rows: readonly LeasedRow[]) {
    this.spans = rows.map((row) => {
      const { topic, bizId, innerMsgId, sends } = row;
      const about = { topic, bizId: bizId.toString('utf8'), innerMsgId: innerMsgId.toString('hex'), sends };
      return tracing.relay(about, row);
    });
  }

  /** With an answer for each, in their order. */
  answered(answers: readonly SendAnswer[]): void {
    for (const [i, span] of this.spans.entries()) {
      const answer = answers[i]!;
      span?.note({ outcome: answer.kind });
      span?.end(answer.kind === 'refused' ? answer.reason : undefined);
    }
  }

  unanswered(error: unknown): void {
    for (const span of this.spans) {
      span?.note({ outcome: 'ack-missed' });
      span?.end(error);
    }
  }
}
