export * from './definition.js';
export * from './event-metrics.js';
export * from './gauges.js';
export * from './label-values.js';
export * from './metrics-source.js';
export * from './metrics.options.js';
