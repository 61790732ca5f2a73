import { type LibraryConnections, findLeftBehind, findOrigin } from './storage/index.js';

interface Where {
  own: LibraryConnections;
  /** Of the app's database, for messages. */
  name: string;
  /** Undefined where the app's database is the broker's. */
  broker: LibraryConnections | 'away' | undefined;
}

/**
 * At start: messages in tables that nobody looks at any more, because the option `broker` has come or gone since. Each
 * database has all of the tables, so nothing else would show it.
 */
export async function tellOfLeftBehind({ own, name, broker }: Where): Promise<string[]> {
  const left = await own.control((on) => findLeftBehind(own.database, on));
  if (broker === undefined) {
    return left.outbox
      ? [
          `There are messages in the outbox of ${name}, and without the option broker nothing here sends them. ` +
            'Start a process with the option until they are gone: docs/operations.md, "From one database to one each".',
        ]
      : [];
  }
  if (broker !== 'away' && (await isSame(own, broker))) {
    return [
      `The option broker names this app's own database (${name}). Leave it out: then a publish and a consume are one commit each, and nothing has to be relayed.`,
    ];
  }
  return left.messages
    ? [
        `There are messages in the broker's tables of ${name}, and with the option broker nothing here delivers them. ` +
          'Start a process without the option until they are gone: docs/operations.md, "From one database to one each".',
      ]
    : [];
}

/** Each database has been given a name of its own by the migrations. */
async function isSame(own: LibraryConnections, broker: LibraryConnections): Promise<boolean> {
  const [mine, its] = await Promise.all(
    [own, broker].map((connections) => connections.control((on) => findOrigin(connections.database, on))),
  );
  return mine !== undefined && its !== undefined && mine.equals(its);
}
