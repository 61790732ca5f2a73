import { dialectOf } from '../../src/storage/dialect.js';
import { ScopeDoomedError } from '../../src/index.js';
import { LateStatements } from '../../src/testing/matrix/late-statements.js';
import { ProbedScopes } from '../../src/testing/matrix/probed-scopes.js';

/** No check of the kit hangs on how a message is worded: a rewording would make it blind, and it would pass. */

const books = { consumer: 'Books.add', group: 'books', topic: 'money', bizId: 'P-1' };

function fakeRuntime() {
  const heard: string[] = [];
  const connections = {
    database: { dialect: dialectOf('better-sqlite3') },
    scopeRunner: async (_request: unknown) => ({
      runner: { query: async () => [] },
      release: async () => undefined,
      destroy: () => undefined,
    }),
  };
  return {
    heard,
    connections,
    caller: { call: async () => undefined },
    onStray: (error: Error, _delivery?: object) => void heard.push(error.message),
  };
}

describe('a crash matrix', () => {
  it('knows whose transaction it is, whatever that is called', async () => {
    const runtime = fakeRuntime();
    const scopes = new ProbedScopes(runtime as never);
    const begun: unknown[] = [];
    scopes.begin({ beforeBegin: async (delivery) => void begun.push(delivery) });
    const copy = { ...books };
    for (const delivery of [books, copy])
      await runtime.connections.scopeRunner({ kind: 'handler', name: 'reworded', delivery });
    await runtime.connections.scopeRunner({ kind: 'executor', name: 'Books.add (group books) for P-1' });
    scopes.close();
    expect(begun).toEqual([books, books]);
    expect(scopes.probes.map(({ delivery, nth }) => [delivery, nth])).toEqual([
      [books, 0],
      [books, 1],
    ]);
  });

  it('knows whose late statement it is, however the log puts it', () => {
    const runtime = fakeRuntime();
    const late = new LateStatements(runtime as never);
    const another = { ...books };
    runtime.onStray(new ScopeDoomedError('reworded'), books);
    runtime.onStray(new ScopeDoomedError('of somebody else'), another);
    runtime.onStray(new Error('a subscriber failed after the COMMIT'), books);
    runtime.onStray(new ScopeDoomedError("an executor's"));
    expect(late.of([{ delivery: books } as never])).toEqual(['reworded']);
    expect(runtime.heard).toHaveLength(4);
  });
});
