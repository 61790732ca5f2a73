/** What JSON would change in silence, whatever is made of it here. Publishing refuses it, and defineTopic does not compile. */
type Changed =
  Date | bigint | symbol | RegExp | ReadonlyMap<never, unknown> | ReadonlySet<unknown> | ArrayBufferView;

/**
 * What a payload type has to extend: itself, with each place that JSON can't carry replaced by what to do about it. A
 * mapped type and no index signature, so that interfaces fit.
 */
export type SendableBody<T> = { [K in keyof T]: Sendable<T[K]> };

type Sendable<T> = unknown extends T
  ? T
  : T extends Changed
    ? 'JSON would change it: send a string or a plain object (a Date as date.toISOString())'
    : T extends string | number | boolean | null | undefined | ((...args: never[]) => unknown)
      ? T
      : SendableBody<T>;
