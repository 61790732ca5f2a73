import { createHash } from 'node:crypto';
import type { AnyTopic } from './topic.js';

/** How a topic's biz-ids are read from its bodies, in a form that can be compared with that of another release. */
export interface Contract {
  hash: Buffer;
  /** For a person to read, cut to {@link SHOWN} characters. */
  selector: string;
}

const SHOWN = 500;

export function contractOf({ name, bizId }: AnyTopic): Contract {
  const source = normalized(Function.prototype.toString.call(bizId));
  const hash = createHash('sha256').update(`${name.length}:${name}/${source}`).digest().subarray(0, 16);
  return { hash, selector: source.length > SHOWN ? `${source.slice(0, SHOWN)}…` : source };
}

/** A string, a run of white space, or a character. */
const PARTS = /"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`(?:\\.|[^`\\])*`|\s+|[^]/g;

/**
 * Without what formatters and compilers do to a function, as far as a few lines can tell: white space outside of strings,
 * brackets around a single parameter, a semicolon before a brace. What remains, a person has to look at.
 */
function normalized(source: string): string {
  const parts = source.match(PARTS) ?? [];
  const isWord = (part = '') => /[\w$]$/.test(part);
  return parts
    .map((part, i) => {
      if (!/^\s/.test(part)) return part;
      return isWord(parts[i - 1]) && /^[\w$]/.test(parts[i + 1] ?? '') ? ' ' : '';
    })
    .join('')
    .replace(/^\(([\w$]+)\)=>/, '$1=>')
    .replaceAll(';}', '}');
}
