import { AsyncResource } from 'node:async_hooks';
import { TransactionFrames } from '../../src/transaction/transaction-frames.js';

describe('nested transactions of many connections', () => {
  /** Up to Node 22, each AsyncLocalStorage that was ever used puts one on whatever is asynchronous. */
  const marks = () => Object.getOwnPropertySymbols(new AsyncResource('probe')).length;
  const nest = (frames: TransactionFrames) => frames.nested(async () => frames.turn());

  it('leave nothing in the process that later work would have to carry along', async () => {
    await nest(new TransactionFrames());
    const afterOne = marks();
    for (let i = 0; i < 20; i++) await nest(new TransactionFrames());
    expect(marks()).toBe(afterOne);
  });

  it('know their own turn where one began inside of the other', async () => {
    const [one, other] = [new TransactionFrames(), new TransactionFrames()];
    const done: string[] = [];
    await one.nested(() =>
      other.nested(async () => {
        await one.turn();
        done.push('a statement of the outer one');
        await one.nested(async () => one.turn());
        done.push('a transaction nested in the outer one');
      }),
    );
    expect(done).toEqual(['a statement of the outer one', 'a transaction nested in the outer one']);
  });
});
