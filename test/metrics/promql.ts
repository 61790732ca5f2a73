import { parser } from '@prometheus-io/lezer-promql';

/** What an expression of PromQL names, by the grammar of Prometheus's own editor. */
export interface Named {
  metrics: string[];
  /** In matchers, and in `by`, `without` and `on`. */
  labels: string[];
}

/** @throws Error where Prometheus would not understand it */
export function namedIn(expression: string): Named {
  const named: Named = { metrics: [], labels: [] };
  parser.parse(expression).iterate({
    enter: ({ type, from, to, node }) => {
      const text = expression.slice(from, to);
      if (type.isError) throw new Error(`not PromQL at "${expression.slice(from)}": ${expression}`);
      if (type.name === 'Identifier' && node.parent?.name === 'VectorSelector') named.metrics.push(text);
      if (type.name === 'LabelName') named.labels.push(text);
    },
  });
  return named;
}
