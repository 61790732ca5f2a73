import type { Seeded } from '../seeded.js';

const ODD_THINGS: readonly (() => unknown)[] = [
  () => undefined,
  () => null,
  () => '',
  () => 0,
  () => Symbol('fire'),
  () => Object.create(null),
  () => Object.freeze(new Error('frozen')),
  () => new Error('x'.repeat(100_000)),
  () => ({ code: 'LEASE_LOST' }),
  () => {
    const error: { cause?: unknown } = new Error('its own cause');
    error.cause = error;
    return error;
  },
  () => ({
    get message(): string {
      throw new Error('a message that throws');
    },
  }),
  () =>
    new Proxy(
      {},
      {
        get: () => {
          throw new Error('a proxy that throws at every touch');
        },
      },
    ),
];

/** What nobody should throw. */
export function oddThing(chance: Seeded): unknown {
  return chance.pick(ODD_THINGS)();
}
