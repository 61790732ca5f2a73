import { World } from '../forgetting/support/world.js';
import { Desk } from '../operate/support/desk.js';
import { runCli, runCliAtTerminal, urlOf } from './support/run-cli.js';

// Property: what is done is what was counted and asked about, and what was done before it went wrong is told.

describe('an operator who', () => {
  let world: World;

  beforeEach(async () => {
    world = await World.open('sqlite', 'one database', { providers: [Desk] });
  });

  afterEach(() => world.close());

  const reject = async (paymentId: string) => {
    world.app.nest.get(Desk).rejects.set(paymentId, 'no such user');
    await world.publish(paymentId);
  };
  const deadIds = async () => (await world.app.broker.deadLetters.list()).map(({ bizId }) => bizId);

  it('takes a while to say yes to a purge deletes what was counted, and not what has died meanwhile', async () => {
    await reject('P-1');
    const { code, shown } = await runCliAtTerminal(
      ['dead-letters', 'purge', '--group', 'cards', '--database', urlOf(world.business)],
      async () => {
        await reject('P-2');
        return 'yes';
      },
    );
    expect(shown).toContain('This deletes 1 dead letter for good.');
    expect(shown).toContain('1 dead letter deleted.');
    expect(code).toBe(0);
    expect(await deadIds()).toEqual(['P-2']);
  });

  it('says no to a purge has deleted nothing', async () => {
    await reject('P-1');
    const { code, shown } = await runCliAtTerminal(
      ['dead-letters', 'purge', '--group', 'cards', '--database', urlOf(world.business)],
      async () => 'no',
    );
    expect(shown).toContain('Nothing was changed.');
    expect(code).toBe(1);
    expect(await deadIds()).toEqual(['P-1']);
  });

  it.each([
    ['release', 'landed'],
    ['discard', 'dropped'],
  ])('meets a database that fails in the middle of a %s hears how many were done', async (what, past) => {
    await world.quarantine('P-1');
    await world.quarantine('P-2');
    const [two, one] = (await world.app.broker.quarantine.list()).map(({ id }) => id);
    await world.app.dataSource.query(
      `CREATE TRIGGER stuck BEFORE UPDATE ON mq_quarantine WHEN OLD.id = ${two} BEGIN SELECT RAISE(ABORT, 'stuck'); END`,
    );
    const args = ['quarantine', what, one!, two!, ...(what === 'discard' ? ['--yes'] : [])];
    const { code, stderr } = await runCli([...args, '--database', urlOf(world.business)]);
    expect(stderr).toMatch(new RegExp(`^1 message ${past} before it went wrong\\.\\n.*stuck`));
    expect(code).toBe(3);
    expect((await world.app.broker.quarantine.list()).map(({ id }) => id)).toEqual([two]);
  });
});
