import type { Line } from './history.js';

const RealDate = Date;
let aheadMs = 0;
const now = () => RealDate.now() + aheadMs;

/** Sets the clock of this process, as far as JavaScript can see it. Timers go by another one, which nobody can set. */
export function setClock(ms: number, write: (line: Line) => void): void {
  aheadMs = ms;
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, args, newTarget) =>
      Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget) as Date,
    apply: () => new RealDate(now()).toString(),
    get: (target, key) => (key === 'now' ? now : (Reflect.get(target, key) as unknown)),
  });
  write({ event: ms === 0 ? 'clock right' : ms > 0 ? 'clock ahead' : 'clock behind' });
}
