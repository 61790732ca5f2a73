import { InvalidOptionError } from '../errors/index.js';

const KNOWN: Record<string, readonly string[]> = {
  '': [
    'schema',
    'durability',
    'broker',
    'relay',
    'tablePrefix',
    'roles',
    'consumers',
    'payload',
    'retention',
    'topics',
    'currentManager',
    'shutdownTimeoutMs',
    'statementTimeoutMs',
    'sqlite',
    'tracing',
  ],
  broker: ['dataSource', 'url', 'token', 'timeoutMs', 'engine', 'through'],
  relay: ['batch', 'ackTimeoutMs', 'pollMs', 'delayMs', 'maxDelayMs'],
  roles: ['consume', 'relay', 'sweep'],
  consumers: [
    ...['concurrency', 'leaseMs', 'timeoutMs', 'fingerprint', 'perTransaction', 'retry'],
    ...['connections', 'pollMs', 'maxLostLeases'],
  ],
  'consumers.retry': ['attempts', 'delayMs', 'maxDelayMs', 'retryIf'],
  payload: ['maxBytes', 'maxDepth'],
  retention: [
    'unroutedMs',
    'innerMsgIdWindowMs',
    'dedupMs',
    'slackMs',
    'executors',
    'deadLetterMs',
    'quarantineMs',
  ],
  sqlite: ['leaveDataSourceAlone', 'writeWaitMs'],
};

/** They decide which providers there are, before any factory runs. */
export const BESIDE_THE_FACTORY = ['name', 'dataSource', 'isGlobal'];

/** @throws InvalidOptionError for what is no option, with where it is one */
export function checkKeys(options: object): void {
  for (const [path, known] of Object.entries(KNOWN)) {
    const value = path
      .split('.')
      .reduce<unknown>((at, key) => (key ? (at as Record<string, unknown>)?.[key] : at), options);
    if (value === undefined && path) continue;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new InvalidOptionError(path || 'forRoot(options)', value, 'an object');
    }
    const unknown = Object.keys(value).find((key) => !known.includes(key));
    if (unknown && !path && BESIDE_THE_FACTORY.includes(unknown)) {
      throw new InvalidOptionError(
        unknown,
        (value as Record<string, unknown>)[unknown],
        `left out of what the factory returns: it belongs beside useFactory, forRootAsync({ ${unknown}, useFactory })`,
      );
    }
    if (unknown) {
      throw new InvalidOptionError(
        path ? `${path}.${unknown}` : unknown,
        (value as Record<string, unknown>)[unknown],
        `left out: it is not an option${didYouMean(unknown)}. Known are ${known.join(', ')}`,
      );
    }
  }
}

/** An option of that name that is elsewhere. */
function didYouMean(key: string): string {
  const paths = Object.entries(KNOWN)
    .filter(([, known]) => known.includes(key))
    .map(([path]) => (path ? `${path}.${key}` : key));
  return paths.length === 0 ? '' : ` here (did you mean ${paths.join(' or ')}?)`;
}
