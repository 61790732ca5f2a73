import { execFileSync, spawnSync } from 'node:child_process';
import { Registry } from 'prom-client';
import { MetricsSource, resolveMetricsOptions } from '../../src/metrics/index.js';
import { IdempotentMqEvents } from '../../src/events/index.js';
import type { Status } from '../../src/operate/index.js';
import { register } from '../../src/prometheus/registered.js';

/** Prometheus's own tool: of MQ_TEST_PROMTOOL, or on the PATH. Debian has it in the package prometheus. */
const promtool = process.env.MQ_TEST_PROMTOOL ?? 'promtool';
const isThere = spawnSync(promtool, ['--version']).status === 0;
const why = isThere ? '' : ` (skipped: there is no ${promtool}; MQ_TEST_PROMTOOL names one)`;

(isThere ? describe : describe.skip)(`promtool${why}`, () => {
  it('understands the alert rules', () => {
    const said = execFileSync(promtool, ['check', 'rules', 'observability/prometheus-rules.yml'], {
      encoding: 'utf8',
    });
    expect(said).toContain('SUCCESS');
  });

  it('has nothing to say about the names and texts of a scrape', async () => {
    const registry = new Registry();
    const events = new IdempotentMqEvents();
    const observed = { events, loops: { list: () => [] }, operations: { status: async () => EMPTY } };
    register(registry, new MetricsSource(observed, resolveMetricsOptions({})));
    events.emit({ type: 'published', topic: 'paid', count: 1 });
    const about = { topic: 'paid', group: 'cards', bizId: 'P-1' };
    events.emit({ type: 'acknowledged', ...about, tookMs: 3, ageMs: 5 });
    const input = await registry.metrics();
    const { status, stdout, stderr } = spawnSync(promtool, ['check', 'metrics'], { input, encoding: 'utf8' });
    expect({ status, said: stdout + stderr }).toEqual({ status: 0, said: '' });
  });
});

const NONE = { value: 0, precision: 'exact' } as const;
const EMPTY: Status = {
  at: new Date(),
  database: 'shop',
  schemaVersion: 1,
  broker: { kind: 'same-database', name: 'shop', reachable: true },
  groups: [],
  topics: [],
  unrouted: NONE,
  quarantine: { waiting: NONE, oldestMs: undefined },
  outbox: { waiting: NONE, oldestMs: undefined, sent: NONE, scheduled: NONE },
  scenarios: [],
  process: undefined,
  notes: [],
};
