import type { Static, TSchema } from '@sinclair/typebox';
import { type TypeCheck, TypeCompiler } from '@sinclair/typebox/compiler';
import { describeValue } from '../errors/index.js';
import { Problem } from './problems.js';

/** Deeper than anything that goes over the wire. */
const MAX_DEPTH = 8;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

const checks = new WeakMap<TSchema, TypeCheck<TSchema>>();

/**
 * The bytes of a body as what the schema says.
 *
 * @throws Problem BODY_MALFORMED, REQUEST_INVALID
 */
export function readJson<S extends TSchema>(schema: S, body: Buffer): Static<S> {
  const value = parse(body);
  const check = checks.get(schema) ?? TypeCompiler.Compile<TSchema>(schema);
  checks.set(schema, check);
  if (check.Check(value)) return value;
  const error = check.Errors(value).First();
  const at = error?.path ? error.path.slice(1).replaceAll('/', '.') : 'the body';
  throw new Problem(
    'REQUEST_INVALID',
    `${at}: ${lowerFirst(error?.message ?? 'not as the protocol says')} (got ${describeValue(error?.value)}). See docs/protocol.md.`,
  );
}

function parse(body: Buffer): unknown {
  if (depthOf(body, MAX_DEPTH) > MAX_DEPTH) {
    throw new Problem('BODY_MALFORMED', `The body is nested more than ${MAX_DEPTH} levels deep.`);
  }
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    throw new Problem('MEDIA_TYPE', 'The body is no UTF-8.');
  }
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    // Not V8's own words: they repeat the body.
    throw new Problem('BODY_MALFORMED', 'The body is no JSON.', { cause: error });
  }
}

/** Before it is parsed: twenty kilobytes of brackets would cost megabytes. One pass, byte by byte: the longest body takes 20 ms. */
function depthOf(body: Buffer, limit: number): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let i = 0; i < body.length; i++) {
    const byte = body[i];
    if (inString) {
      if (byte === BACKSLASH) i++;
      else if (byte === QUOTE) inString = false;
    } else if (byte === QUOTE) {
      inString = true;
    } else if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) {
      deepest = Math.max(deepest, ++depth);
      if (deepest > limit) return deepest;
    } else if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) {
      depth--;
    }
  }
  return deepest;
}

function lowerFirst(message: string): string {
  return message.charAt(0).toLowerCase() + message.slice(1);
}

/** Deepest nesting of a message that any publisher can be set to. */
const MAX_BODY_DEPTH = 1_000;

/**
 * That a message's text is JSON which every receiver can read.
 *
 * @param field how the error names it
 * @throws Problem REQUEST_INVALID
 */
export function checkJsonText(field: string, text: string): void {
  const bad = (why: string) => new Problem('REQUEST_INVALID', `${field} ${why}`);
  // Else it would be stored as another one.
  if (!(text as string & { isWellFormed(): boolean }).isWellFormed()) throw bad('has a lone surrogate.');
  if (depthOf(Buffer.from(text), MAX_BODY_DEPTH) > MAX_BODY_DEPTH) {
    throw bad(`is nested more than ${MAX_BODY_DEPTH} levels deep.`);
  }
  try {
    JSON.parse(text);
  } catch {
    throw bad(`must be the text of a JSON value (got ${describeValue(text)}).`);
  }
}
