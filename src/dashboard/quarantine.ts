import type { Quarantine, QuarantinedMessage } from '../broker/index.js';
import { DashboardProblem } from './http/problem.js';
import { PAGE } from './dead-letters.js';
import { type Redacting, about } from './redact.js';
import type { QuarantineDetail, QuarantineLine, QuarantinePage } from './wire.js';

/** What an operator has to decide about, as the page has it. */
export class QuarantineView {
  constructor(
    private readonly quarantine: Pick<Quarantine, 'list' | 'get' | 'release' | 'discard'>,
    private readonly redacting: Redacting,
  ) {}

  async page({ after }: { after?: string | undefined }): Promise<QuarantinePage> {
    const found = await this.quarantine.list({ limit: PAGE + 1, after });
    const messages = found.slice(0, PAGE).map(lineOf);
    return { messages, next: found.length > PAGE ? messages.at(-1)!.id : undefined };
  }

  async one(id: string): Promise<QuarantineDetail> {
    const found = await this.quarantine.get(id);
    if (!found) throw new DashboardProblem(404, 'GONE', 'It is not in quarantine (any more).');
    return { ...lineOf(found), body: this.redacting.body(found.body, about(found)) };
  }

  async release(id: unknown): Promise<{ done: boolean }> {
    return { done: await this.quarantine.release(id as string) };
  }

  async discard(id: unknown): Promise<{ done: boolean }> {
    return { done: await this.quarantine.discard(id as string) };
  }
}

function lineOf({ quarantinedAt, ...message }: QuarantinedMessage): QuarantineLine {
  const { id, topic, bizId, innerMsgId, reason, copies } = message;
  return { id, topic, bizId, innerMsgId, reason, copies, quarantinedAt: quarantinedAt.toISOString() };
}
