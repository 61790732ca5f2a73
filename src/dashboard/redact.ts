import { describeError } from '../errors/index.js';
import type { Shown } from './wire.js';

/** What may be seen of something that came with a message. */
export interface RedactSubject {
  /** A body is given as what its JSON says, an error as its text, which may quote the body. */
  kind: 'body' | 'error';
  topic?: string | undefined;
  bizId?: string | undefined;
}

/** @returns what is shown in its place; undefined: nothing */
export type Redact = (value: unknown, subject: RedactSubject) => unknown;

const HIDDEN = '(redacted)';

/** Decides what of bodies and errors leaves the server. Names, biz-ids, counts and times are shown in any case. */
export class Redacting {
  /** @param redact true hides all of it */
  constructor(
    private readonly redact: true | Redact | undefined,
    private readonly onError: (message: string) => void,
  ) {}

  /** @param json as it was published */
  body(json: string, about: Omit<RedactSubject, 'kind'>): Shown {
    if (!this.redact) return { text: pretty(json), redacted: false };
    return { text: this.ask(parsed(json), { kind: 'body', ...about }), redacted: true };
  }

  error(text: string, about: Omit<RedactSubject, 'kind'>): string {
    if (!this.redact) return text;
    return this.ask(text, { kind: 'error', ...about });
  }

  /** What can't be redacted is not shown. */
  private ask(value: unknown, subject: RedactSubject): string {
    if (typeof this.redact !== 'function') return HIDDEN;
    try {
      const shown = this.redact(value, subject);
      if (!(shown instanceof Promise)) return render(shown);
      shown.catch(() => undefined);
      this.onError('The option redact returned a promise: it has to answer at once. Nothing is shown.');
    } catch (error) {
      this.onError(`The option redact threw, so nothing is shown: ${describeError(error)}`);
    }
    return HIDDEN;
  }
}

/** No more than this is anybody's business who redacts. */
export function about({ topic, bizId }: Omit<RedactSubject, 'kind'>): Omit<RedactSubject, 'kind'> {
  return { topic, bizId };
}

/** Laid out for reading, unless that would change it: a number may have more digits than JavaScript keeps. */
function pretty(json: string): string {
  try {
    const value: unknown = JSON.parse(json);
    return JSON.stringify(value) === json ? JSON.stringify(value, null, 2) : json;
  } catch {
    return json;
  }
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json) as unknown;
  } catch {
    return json;
  }
}

function render(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value, null, 2) ?? HIDDEN);
}
