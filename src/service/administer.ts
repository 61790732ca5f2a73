import type { BrokerService } from '../broker/index.js';
import type { AdminCall } from '../wire/index.js';

type Method = (...args: never[]) => Promise<unknown>;

/** What an operator asks for from afar. The methods check their arguments themselves. */
export function administer(
  broker: BrokerService,
  call: AdminCall,
  args: readonly unknown[],
): Promise<unknown> {
  const { deadLetters, groups, quarantine } = broker;
  const methods = {
    topics: () => broker.topics(),
    removeSubscription: (request: never) => broker.removeSubscription(request),
    'groups.list': () => groups.list(),
    'groups.pause': (...given: [never]) => groups.pause(...given),
    'groups.resume': (...given: [never]) => groups.resume(...given),
    'groups.limit': (...given: [never, never]) => groups.limit(...given),
    'deadLetters.list': (...given: never[]) => deadLetters.list(...given),
    'deadLetters.get': (...given: [never]) => deadLetters.get(...given),
    'deadLetters.requeue': (...given: [never]) => deadLetters.requeue(...given),
    'deadLetters.purge': (...given: [never]) => deadLetters.purge(...given),
    'quarantine.list': (...given: never[]) => quarantine.list(...given),
    'quarantine.get': (...given: [never]) => quarantine.get(...given),
    'quarantine.release': (...given: [never]) => quarantine.release(...given),
    'quarantine.discard': (...given: [never]) => quarantine.discard(...given),
  } satisfies Record<AdminCall, Method>;
  return (methods[call] as Method)(...(args.map(withDates) as never[]));
}

/** ISO 8601 with a zone: without one it would be the time of wherever the service runs. */
const DATE = /^(\d{4}-\d\d-\d\d)T\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/;

/** JSON has no dates. What is none of them is refused by the method, which names it. */
function withDates(argument: unknown): unknown {
  if (typeof argument !== 'object' || argument === null || !('deadUntil' in argument)) return argument;
  const { deadUntil } = argument;
  return typeof deadUntil === 'string'
    ? { ...argument, deadUntil: dateOf(deadUntil) ?? deadUntil }
    : argument;
}

function dateOf(text: string): Date | undefined {
  const [, day] = DATE.exec(text) ?? [];
  // A day that the month has not would be one of the next.
  if (day === undefined || !isDay(day)) return undefined;
  return new Date(text);
}

function isDay(day: string): boolean {
  const midnight = new Date(`${day}T00:00:00Z`);
  return !Number.isNaN(midnight.getTime()) && midnight.toISOString().startsWith(day);
}
