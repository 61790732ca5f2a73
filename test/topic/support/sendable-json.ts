import fc from 'fast-check';

/** Any JSON that a payload may be: all but a key `__proto__`, which is refused. */
export function sendableJson(): fc.Arbitrary<unknown> {
  const text = fc.string({ unit: fc.oneof(fc.constantFrom(...HOSTILE), fc.string({ unit: 'binary' })) });
  const key = text.filter((name) => name !== '__proto__');
  return fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constantFrom(null, true, false),
      fc.integer(),
      fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => (number === 0 ? 0 : number)),
      text,
      fc.array(tie('value'), { maxLength: 5 }),
      fc.dictionary(key, tie('value'), { maxKeys: 5 }),
    ),
  })).value;
}

/** What drivers, servers and templates take for something else. */
const HOSTILE = [
  '?',
  ':name',
  ':1',
  "'",
  '"',
  '`',
  '\\',
  '\0',
  '\n',
  '\x1a',
  '%',
  '--',
  ';',
  '💳',
  'é',
  '\uD800',
];
