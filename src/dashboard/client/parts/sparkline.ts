import { type Child, h } from '../dom.js';

const WIDTH = 96;
const HEIGHT = 20;

/** How a number went. For the eye only: the number itself stands beside it. */
export function sparkline(values: readonly number[]): Child {
  if (values.length < 2) return undefined;
  const most = Math.max(...values, 1);
  const step = WIDTH / (values.length - 1);
  const points = values.map(
    (value, i) => `${(i * step).toFixed(1)},${(HEIGHT - 1 - (value / most) * (HEIGHT - 2)).toFixed(1)}`,
  );
  return h(
    'svg',
    { class: 'sparkline', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, 'aria-hidden': 'true', focusable: 'false' },
    h('polyline', { points: points.join(' ') }),
  );
}
