import type { IdempotentMqEvent } from '../../events/index.js';
import type { Happening } from '../wire.js';
import { tell } from './tellings.js';

/** As many as the page shows. */
const KEPT = 60;

/** What happened last, newest first. A storm of one kind is one line with a count, so that it hides nothing else. */
export class Feed {
  private readonly lines: Happening[] = [];
  private number = 0;

  constructor(
    private readonly redact: (
      text: string,
      about: { topic?: string | undefined; bizId?: string | undefined },
    ) => string,
  ) {}

  note(event: IdempotentMqEvent): void {
    const told = tell(event);
    if (!told) return;
    const about = aboutOf(event);
    const at = new Date().toISOString();
    const last = this.lines[0];
    if (last?.type === event.type && last.topic === about.topic && last.group === about.group) {
      Object.assign(last, { at, times: last.times + 1, bizId: about.bizId, error: undefined, ...told });
      return;
    }
    this.lines.unshift({ number: ++this.number, at, type: event.type, times: 1, ...told, ...about });
    if (this.lines.length > KEPT) this.lines.pop();
  }

  /** Redacted only now: hardly any of what happens in a storm is ever shown. */
  get latest(): Happening[] {
    return this.lines.map((line) => ({ ...line, error: line.error && this.redact(line.error, line) }));
  }
}

function aboutOf(event: IdempotentMqEvent): Pick<Happening, 'topic' | 'bizId' | 'group'> {
  const { topic, bizId, group } = event as Pick<Happening, 'topic' | 'bizId' | 'group'>;
  // The group of what no group took is empty.
  return { topic, bizId, group: group || undefined };
}
