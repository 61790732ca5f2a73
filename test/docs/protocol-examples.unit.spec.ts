import { type TSchema, Type as T } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { ADMIN_CALLS, MAX_CLAIM, MAX_LEASES, MAX_MESSAGES, MAX_WAIT_MS } from '../../src/wire/schemas.js';
import {
  OPERATIONS,
  type OperationName,
  PROBLEMS,
  SCHEMAS,
  checkJsonText,
  isOperationName,
} from '../../src/wire/index.js';
import { read, tableUnder } from './markdown.js';

/** docs/protocol.md is all that a client in another language has: its examples, tables and fields are those of the wire. */
const document = read('docs/protocol.md');
const names = Object.keys(SCHEMAS) as OperationName[];

interface Example {
  of: string;
  kind: string;
  value: unknown;
}

/** Blocks that begin with ```json OPERATION request (or answer), or ```json any problem. */
const examples: Example[] = [...document.matchAll(/^```json (\S+) (\S+)\n([\s\S]*?)^```$/gm)].map(
  ([, of, kind, text]) => ({ of: of!, kind: kind!, value: JSON.parse(text!) as unknown }),
);

const PROBLEM = T.Object({
  error: T.Object({
    code: T.Union(Object.keys(PROBLEMS).map((code) => T.Literal(code))),
    message: T.String(),
  }),
});

describe('the examples of docs/protocol.md', () => {
  it('are a request and an answer of each operation, and say of which', () => {
    const marks = (document.match(/^```json/gm) ?? []).length;
    expect(examples).toHaveLength(marks);
    const shown = examples.filter(({ of }) => of !== 'any').map(({ of, kind }) => `${of} ${kind}`);
    expect(shown.sort()).toEqual(names.flatMap((name) => [`${name} answer`, `${name} request`]).sort());
  });

  it.each(examples.map((example) => [`${example.of} ${example.kind}`, example] as const))(
    'is what goes over the wire: %s',
    (_, { of, kind, value }) => {
      expect(problemsOf(schemaOf(of, kind), value)).toEqual([]);
    },
  );

  it('would be found out where they have a field too many, or one that is wrong', () => {
    const answer = examples.find(({ of, kind }) => of === 'claim' && kind === 'answer')!.value as {
      deliveries: object[];
    };
    const [first] = answer.deliveries;
    for (const wrong of [{ deliveryId: 1 }, { seq: '1041' }, { token: undefined }]) {
      const changed = { ...answer, deliveries: [{ ...first, ...wrong }] };
      expect(problemsOf(SCHEMAS.claim.answer, changed)).not.toEqual([]);
    }
  });

  it('have bodies that are JSON', () => {
    const bodies = JSON.stringify(examples).match(/"body":"(?:[^"\\]|\\.)*"/g) ?? [];
    expect(bodies.length).toBeGreaterThan(3);
    for (const body of bodies) {
      const text = (JSON.parse(`{${body}}`) as { body: string }).body;
      expect(() => checkJsonText('body', text)).not.toThrow();
    }
  });
});

describe('docs/protocol.md', () => {
  it('lists all operations, with the scopes that they need', () => {
    const documented = tableUnder(document, '## All operations');
    expect(documented.filter(([, , repeat]) => !repeat)).toEqual([]);
    expect(documented.map(([name, scope]) => [name, scope])).toEqual(
      names.map((name) => [name, OPERATIONS[name].scope]),
    );
  });

  it('says of every error code what its status is and what to do', () => {
    const documented = tableUnder(document, '## Errors');
    expect(documented.filter(([, , remedy]) => !remedy)).toEqual([]);
    expect(documented.map(([code, status]) => [code, Number(status)])).toEqual(Object.entries(PROBLEMS));
  });

  it('says of every call of an operator what it takes', () => {
    expect(tableUnder(document, '### administer').map(([call]) => call)).toEqual([...ADMIN_CALLS]);
  });

  it.each(names)('names each field of %s in its section, or in that of deliveries', (name) => {
    const section = textUnder(`### ${name}`) + textUnder('### Deliveries');
    const missing = [...fieldsOf(SCHEMAS[name].request), ...fieldsOf(SCHEMAS[name].answer)].filter(
      (field) => !new RegExp(`\`${field}\`|"${field}":`).test(section),
    );
    expect(missing).toEqual([]);
  });

  it.each([
    ['messages of a send', MAX_MESSAGES],
    ['leases of an acknowledge or extend', MAX_LEASES],
    ['deliveries of a claim', MAX_CLAIM],
    ['waitMs', MAX_WAIT_MS],
  ])('has the limit of %s: %i', (what, limit) => {
    const row = tableUnder(document, '## Limits').find(([named]) => named === what);
    expect(row?.[1]?.replaceAll(',', '')).toContain(String(limit));
  });
});

function schemaOf(of: string, kind: string): TSchema {
  if (of === 'any' && kind === 'problem') return PROBLEM;
  if (!isOperationName(of) || (kind !== 'request' && kind !== 'answer')) throw new Error(`${of} ${kind}?`);
  return SCHEMAS[of][kind];
}

/** Answers may have fields that a client doesn't know. Those of the document may not. */
function problemsOf(schema: TSchema, value: unknown): string[] {
  const errors = [...Value.Errors(schema, value)].map(({ path, message }) => `${path}: ${message}`);
  const known = Value.Clean(schema, structuredClone(value));
  if (JSON.stringify(known) !== JSON.stringify(value))
    errors.push('it has fields that are not of the schema');
  return errors;
}

function textUnder(heading: string): string {
  const section = document.split(`\n${heading}\n`)[1]?.split(/^#{1,6} /m)[0];
  if (section === undefined) throw new Error(`there is no heading "${heading}"`);
  return section;
}

/** The names of all fields, in whatever depth. */
function fieldsOf(schema: TSchema): string[] {
  const { properties, items, anyOf } = schema as {
    properties?: Record<string, TSchema>;
    items?: TSchema | TSchema[];
    anyOf?: TSchema[];
  };
  const own = Object.entries(properties ?? {}).flatMap(([name, inner]) => [name, ...fieldsOf(inner)]);
  const inner = [items ?? [], anyOf ?? []].flat().flatMap(fieldsOf);
  return [...new Set([...own, ...inner])];
}
