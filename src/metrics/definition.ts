export type Labels = Readonly<Record<string, string>>;

/** What every kind of metric has. */
export interface MetricDefinition {
  /** As OpenTelemetry has it: `idempotent_mq.published`. */
  readonly name: string;
  readonly description: string;
  /** Seconds (`s`), or what it is in braces, after UCUM: of `1`, a collector makes a name that ends in `_ratio`. */
  readonly unit: string;
  readonly labels: readonly string[];
}

/** Each metric has it: which instance of the module, as an app may have several. */
export const INSTANCE_LABEL = 'mq_instance';

/** The value of {@link INSTANCE_LABEL} for an instance's name. */
export function instanceLabel(name: string | undefined): string {
  return name ?? 'default';
}

/**
 * What Prometheus calls it: `idempotent_mq_published_total`. That is what OpenTelemetry's collector makes of the name and
 * the unit as well, so that dashboards and rules fit both.
 */
export function prometheusName(
  kind: 'counter' | 'histogram' | 'gauge',
  { name, unit }: MetricDefinition,
): string {
  return name.replaceAll('.', '_') + (unit === 's' ? '_seconds' : '') + (kind === 'counter' ? '_total' : '');
}
