import { load } from 'js-yaml';
import {
  EVENT_METRICS,
  GAUGES,
  INSTANCE_LABEL,
  type MetricDefinition,
  prometheusName,
} from '../../src/metrics/index.js';
import { read, tableUnder } from '../docs/markdown.js';
import { namedIn } from './promql.js';

// Property: what ships for Grafana and Prometheus, and what is documented, names only metrics that there are, with labels
// that they have.

interface Rule {
  alert: string;
  expr: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
}

interface Panel {
  type: string;
  title: string;
  targets?: { expr: string; legendFormat: string }[];
}

/** What Prometheus adds to each of its targets, and to the buckets of histograms. */
const OF_PROMETHEUS = ['instance', 'job'];
const SERIES_OF_HISTOGRAM = ['_bucket', '_sum', '_count'];

const labelsOf = new Map<string, readonly string[]>();
const define = (name: string, { labels }: MetricDefinition, more: readonly string[] = []) =>
  labelsOf.set(name, [...labels, INSTANCE_LABEL, ...OF_PROMETHEUS, ...more]);
for (const metric of EVENT_METRICS) {
  const name = prometheusName(metric.kind, metric);
  if (metric.kind === 'counter') define(name, metric);
  else for (const series of SERIES_OF_HISTOGRAM) define(name + series, metric, ['le']);
}
for (const gauge of GAUGES) define(prometheusName('gauge', gauge), gauge);

/** What an expression, and a text about its result, name and there is not. */
function unknownIn(expression: string, text = ''): string[] {
  const { metrics, labels } = namedIn(expression);
  if (metrics.length === 0) return [`no metric in ${expression}`];
  const known = metrics.flatMap((metric) => labelsOf.get(metric) ?? []);
  const inText = [...text.matchAll(/\{\{\s*(?:\$labels\.)?([a-z_]+)\s*\}\}/g)].map(([, label]) => label!);
  return [
    ...metrics.filter((metric) => !labelsOf.has(metric)),
    ...[...labels, ...inText].filter((label) => !known.includes(label)).map((label) => `{${label}}`),
  ];
}

const shippedRules = () =>
  (load(read('observability/prometheus-rules.yml')) as { groups: { rules: Rule[] }[] }).groups.flatMap(
    ({ rules }) => rules,
  );
const dashboard = JSON.parse(read('observability/grafana-dashboard.json')) as {
  panels: Panel[];
  templating: { list: { name: string; definition?: string }[] };
};

describe('the alert rules for Prometheus', () => {
  const rules = shippedRules();

  it.each(rules.map((rule) => [rule.alert, rule] as const))('%s names what there is', (_, rule) => {
    expect(unknownIn(rule.expr, Object.values(rule.annotations).join(' '))).toEqual([]);
  });

  it('each say how bad it is, what it is and what to do', () => {
    for (const { labels, annotations } of rules) {
      expect(['critical', 'warning']).toContain(labels.severity);
      expect(annotations).toEqual({ summary: expect.any(String), description: expect.any(String) });
    }
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
  });
});

describe('the dashboard for Grafana', () => {
  const panels = dashboard.panels.filter(({ type }) => type !== 'row');
  const variables = dashboard.templating.list.map(({ name }) => name);

  it.each(panels.map((panel) => [panel.title, panel] as const))(
    '"%s" names what there is',
    (_, { targets }) => {
      expect(targets!.length).toBeGreaterThan(0);
      for (const { expr, legendFormat } of targets!) {
        // Grafana's own, which it replaces before it asks.
        expect(unknownIn(expr.replaceAll('$__rate_interval', '5m'), legendFormat)).toEqual([]);
      }
    },
  );

  it('has variables of metrics and labels that there are, and uses no other', () => {
    for (const { definition } of dashboard.templating.list) {
      if (definition === undefined) continue;
      const [, metric, label] = /^label_values\(([a-z_]+), ([a-z_]+)\)$/.exec(definition)!;
      expect(labelsOf.get(metric!)).toContain(label);
    }
    const used = JSON.stringify(panels).matchAll(/\$\{?([a-z_]+)/g);
    const own = [...used].map(([, name]) => name!).filter((name) => !name.startsWith('__'));
    expect([...new Set(own)].filter((name) => !variables.includes(name))).toEqual([]);
  });

  it('takes gauges of one database together by max, as each process tells the same of it', () => {
    const ofDatabase = GAUGES.filter(({ name }) => !name.startsWith('idempotent_mq.loop_')).map((gauge) =>
      prometheusName('gauge', gauge),
    );
    const expressions = [
      ...panels.flatMap(({ targets }) => targets!.map(({ expr }) => expr)),
      ...shippedRules().map(({ expr }) => expr),
    ];
    for (const name of ofDatabase) {
      const summed = expressions.filter((expr) =>
        new RegExp(`sum( by \\([^)]*\\))? ?\\((delta\\()?${name}\\b(?!_)`).test(expr),
      );
      expect(summed).toEqual([]);
    }
  });
});

describe('docs/observability.md', () => {
  it('has every metric, with its kind, its labels and what it is', () => {
    const rows = tableUnder(read('docs/observability.md'), '### All metrics');
    const described = (kind: 'counter' | 'histogram' | 'gauge', metric: MetricDefinition) => [
      prometheusName(kind, metric),
      kind,
      metric.labels.join(', '),
      metric.description,
    ];
    expect(rows).toEqual([
      ...EVENT_METRICS.map((metric) => described(metric.kind, metric)),
      ...GAUGES.map((gauge) => described('gauge', gauge)),
    ]);
  });
});

describe('what checks them', () => {
  it.each([
    [
      'a metric that there is not',
      'sum(rate(idempotent_mq_publishd_total[5m]))',
      'idempotent_mq_publishd_total',
    ],
    ['a label that it has not', 'idempotent_mq_outbox{topic="paid"}', '{topic}'],
    ['a label to group by that it has not', 'max by (scenario) (idempotent_mq_backlog)', '{scenario}'],
  ])('finds %s', (_, expression, found) => {
    expect(unknownIn(expression)).toEqual([found]);
  });

  it('finds a label in a text that the metric has not', () => {
    expect(unknownIn('idempotent_mq_outbox', '{{ $labels.group }} waits')).toEqual(['{group}']);
  });

  it('finds what is no PromQL', () => {
    expect(() => unknownIn('sum by (topic idempotent_mq_backlog)')).toThrow('not PromQL');
  });
});
