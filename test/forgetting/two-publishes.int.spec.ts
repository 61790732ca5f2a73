import { DAY_MS } from '../relay/parts.js';
import { EVERYWHERE, World } from './support/world.js';
import { useTheSimpleRule } from './support/simple-rule.js';

// Property: a dedup row stays as long as a message of its biz-id can still come, however it is kept from coming. The rule
// that one would write down first, "older than the retention and than the oldest unfinished message", has two effects.

jest.mock('../../src/storage/statements/index.js', () => ({
  __esModule: true,
  ...jest.requireActual<object>('../../src/storage/statements/index.js'),
}));

describe.each(EVERYWHERE)('one payment told of twice, on %s with %s,', (engine, shape) => {
  let world: World;

  beforeEach(async () => {
    world = await World.open(engine, shape);
  });

  afterEach(async () => {
    jest.restoreAllMocks();
    await world.close();
  });

  /** Day 0: the effect. Day 5: told again, and dead-lettered. Day 31: forgetting. Day 40: requeued. */
  async function play(): Promise<void> {
    await world.publish('P-1');
    await world.letDaysPass(5);
    await world.publishDead('P-1');
    await world.letDaysPass(26);
    await world.forget();
    await world.letDaysPass(9);
    await world.requeue();
  }

  it('has one effect, though the second one was a dead letter until its row was old enough', async () => {
    await play();
    expect(await world.issued()).toEqual({ 'P-1': 1 });
    expect(await world.remembered()).toEqual(['P-1']);
    expect(await world.deadLetters()).toEqual({});
  });

  it('has two effects with the simple rule', async () => {
    useTheSimpleRule(30 * DAY_MS);
    await play();
    expect(await world.issued()).toEqual({ 'P-1': 2 });
  });
});
