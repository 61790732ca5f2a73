import { EVERYWHERE, World } from '../forgetting/support/world.js';
import { Desk } from '../operate/support/desk.js';
import { type TestService, startService } from '../support/service.js';
import { countRows } from '../support/tables.js';
import { until } from '../support/until.js';
import { type Ran, runCli, urlOf } from './support/run-cli.js';

// Property: what an operator is shown is so, and what destroys anything asks first.

/** Some ten processes, one after the other, each a second or two on a busy machine. */
jest.setTimeout(240_000);

const HOSTILE_ID = '\u001b[2J漢字🙂\u202eP\nx';
const HOSTILE_ERROR = 'no paper\u001b]0;gone\u0007\r\nsecond line\u2028third';

/** What a terminal would obey, or break a line at; but for the line feeds that end lines. */
const OBEYED = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/;

describe.each(EVERYWHERE)('on %s with %s,', (engine, shape) => {
  let world: World;
  let desk: Desk;

  beforeEach(async () => {
    world = await World.open(engine, shape, { providers: [Desk] });
    desk = world.app.nest.get(Desk);
  });

  afterEach(() => world.close());

  const isApart = shape === 'a broker apart';
  const where = () => [
    '--database',
    urlOf(world.business),
    ...(isApart ? ['--broker', urlOf(world.brokers)] : []),
  ];
  const cli = (...args: string[]) => runCli([...args, ...where()]);
  const done = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await cli(...args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return stdout;
  };
  const asked = async (...args: string[]): Promise<Record<string, unknown>> =>
    JSON.parse(await done(...args, '--json')) as Record<string, unknown>;
  const reject = async (paymentId: string, why = 'no such user') => {
    desk.rejects.set(paymentId, why);
    await world.publish(paymentId);
  };

  it('status shows how everything is', async () => {
    await world.publish('P-1');
    await reject('P-2');
    const shown = await done('status');
    expect(shown).toMatch(
      isApart ? /^Broker: in a database of its own: \S+/m : /^Broker: in the same database$/m,
    );
    expect(shown).toMatch(/^payment\.succeeded {2}cards +0 +- +0 +0 +0 +0 +1$/m);
    expect(shown).toMatch(/^Quarantine: empty\nOutbox: empty$/m);
    expect(shown).toMatch(/^ +1 +\S.* consumer\/5:cards\/17:payment\.succeeded$/m);
    expect(await asked('status')).toMatchObject({
      broker: { kind: isApart ? 'own-database' : 'same-database', reachable: true },
      groups: [{ group: 'cards', deadLetters: { value: 1, precision: 'exact' } }],
      scenarios: [{ rows: { value: 1, precision: 'exact' } }],
    });
  });

  it('find tells the story of a message, and has exit status 1 where there is none', async () => {
    await world.publish('P-1');
    await reject('P-2');
    expect(await done('find', 'payment.succeeded', 'P-1')).toMatch(/^ {2}cards: done, took effect 20\S+Z$/m);
    expect(await done('find', 'payment.succeeded', 'P-2')).toMatch(
      /^payment\.succeeded P-2: 1 message\n\nnumber \d+, inner-msg-id [0-9a-f]{32}\n {2}landed 20\S+Z\n {2}cards: dead letter since 20\S+Z \(rejected\), id \d+-\d+.*\n {6}20\S+Z .*no such user/,
    );
    expect(await asked('find', 'payment.succeeded', 'P-2')).toMatchObject({
      messages: [{ stages: [{ stage: 'landed' }, { stage: 'dead', reason: 'rejected' }] }],
    });
    const unknown = await cli('find', 'payment.succeeded', 'P-3');
    expect(unknown).toEqual({
      code: 1,
      stdout: 'payment.succeeded P-3: unknown, or forgotten (older than 30d).\n',
      stderr: '',
    });
  });

  it('dead-letters list, show, requeue and purge do so', async () => {
    await reject('P-1');
    await reject('P-2');
    const { deadLetters } = (await asked('dead-letters', 'list', '--group', 'cards')) as {
      deadLetters: { id: string; bizId: string }[];
    };
    expect(deadLetters.map(({ bizId }) => bizId)).toEqual(['P-2', 'P-1']);
    const [two, one] = deadLetters.map(({ id }) => id);
    const listed = await done('dead-letters', 'list', '--limit', '1');
    expect(listed).toMatch(/^ID +SINCE +TOPIC +GROUP +REASON +FAILURES {2}BIZ-ID, LAST ERROR$/m);
    expect(listed).toMatch(new RegExp(`^${two} .* cards +rejected +\\d+ {2}P-2 {2}.*no such user …$`, 'm'));
    const [, after] = /^There may be more: --after (\S+)$/m.exec(listed)!;
    expect(await done('dead-letters', 'list', '--after', after!)).toMatch(new RegExp(`^${one} `, 'm'));
    expect(await done('dead-letters', 'show', one!)).toMatch(/\n\n\{"paymentId":"P-1",.*\}\n$/);
    expect(await asked('dead-letters', 'show', one!)).toMatchObject({
      id: one,
      bizId: 'P-1',
      reason: 'rejected',
    });

    desk.rejects.clear();
    expect(await done('dead-letters', 'requeue', one!)).toBe('1 dead letter went back.\n');
    await world.settle();
    expect(await world.issued()).toEqual({ 'P-1': 1 });
    expect(await cli('dead-letters', 'requeue', one!)).toMatchObject({ code: 1, stderr: '' });
    expect(await cli('dead-letters', 'show', one!)).toMatchObject({ code: 1, stdout: '' });

    const refused = await cli('dead-letters', 'purge', two!);
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toContain('This deletes 1 dead letter for good.');
    expect(refused.stderr).toContain('--yes');
    expect(Object.keys(await world.deadLetters())).toEqual(['P-2']);
    expect(await asked('dead-letters', 'purge', '--reason', 'rejected', '--yes')).toEqual({ purged: 1 });
    expect(await world.deadLetters()).toEqual({});
    expect(await cli('dead-letters', 'purge', two!, '--yes')).toMatchObject({ code: 1, stderr: '' });
    await until(
      'its message is gone',
      async () => (await countRows(world.brokerDataSource, 'message')) === 0,
    );
  });

  it('quarantine list, show, release and discard do so', async () => {
    await world.quarantine('P-1');
    await world.quarantine('P-2');
    const { quarantined } = (await asked('quarantine', 'list')) as {
      quarantined: { id: string; bizId: string }[];
    };
    expect(quarantined.map(({ bizId }) => bizId)).toEqual(['P-2', 'P-1']);
    const [two, one] = quarantined.map(({ id }) => id);
    expect(await done('quarantine', 'list')).toMatch(
      new RegExp(`^ *${two} {2}20\\S+Z {2}payment.succeeded {2}forgotten +1 {2}P-2$`, 'm'),
    );
    expect(await done('quarantine', 'show', one!)).toMatch(
      /^payment\.succeeded P-1, id \d+\n {2}quarantined/,
    );
    for (const command of ['release', 'discard']) {
      const half = await cli(
        'quarantine',
        command,
        one!,
        'seventeen',
        ...(command === 'discard' ? ['--yes'] : []),
      );
      expect(half).toMatchObject({ code: 2, stdout: '' });
      expect(half.stderr).toContain('"seventeen"');
    }
    expect(await world.app.broker.quarantine.list()).toHaveLength(2);
    expect(await done('quarantine', 'release', one!)).toBe('1 message landed.\n');
    await world.settle();
    expect(await world.issued()).toEqual({ 'P-1': 1 });
    expect(await cli('quarantine', 'release', one!)).toMatchObject({ code: 1, stderr: '' });

    const refused = await cli('quarantine', 'discard', two!);
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toMatch(/^ConfigurationError: This drops 1 quarantined message for good\..*--yes/);
    expect(await world.app.broker.quarantine.list()).toHaveLength(1);
    expect(await asked('quarantine', 'discard', two!, '--yes')).toEqual({ discarded: 1 });
    expect(await cli('quarantine', 'discard', two!, '--yes')).toMatchObject({ code: 1, stderr: '' });
    expect(await done('quarantine', 'list')).toBe('The quarantine is empty.\n');
    expect(await cli('quarantine', 'show', two!)).toMatchObject({ code: 1, stdout: '' });
  });

  it('groups list, pause, resume and remove do so', async () => {
    await reject('P-1');
    expect(await done('groups', 'pause', 'cards')).toBe('cards is paused.\n');
    expect(await done('groups', 'list')).toMatch(/^payment\.succeeded {2}cards +1 +0 +0 +0 +1 {2}paused$/m);
    expect(await asked('groups', 'resume', 'cards', '--topic', 'payment.succeeded')).toEqual({
      resumed: { group: 'cards', topic: 'payment.succeeded' },
    });
    expect(await asked('groups', 'list')).toMatchObject({ groups: [{ group: 'cards', paused: false }] });

    const refused = await cli('groups', 'remove', 'cards', 'payment.succeeded');
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toMatch(/for good, with 0 deliveries and 1 dead letter\..*--yes/);
    expect(await asked('groups', 'list')).toMatchObject({ groups: [{ deadLetters: 1 }] });
    expect(await done('groups', 'remove', 'cards', 'payment.succeeded', '--yes')).toBe(
      'cards is removed from payment.succeeded, with 0 deliveries and 1 dead letter.\n',
    );
    expect(await done('groups', 'list')).toBe('No group subscribes to anything.\n');
    const gone = await cli('groups', 'pause', 'cards');
    expect(gone).toMatchObject({ code: 2, stdout: '' });
    expect(gone.stderr).toContain('a group that subscribes. There are: none');
  });

  it('what others wrote breaks no line, and tells the terminal nothing', async () => {
    desk.rejects.set(HOSTILE_ID, HOSTILE_ERROR);
    await world.publish(HOSTILE_ID);
    const { id } = (await world.app.broker.deadLetters.list())[0]!;
    const shown = [
      await done('dead-letters', 'list'),
      await done('dead-letters', 'show', id),
      await done('find', 'payment.succeeded', HOSTILE_ID),
    ];
    for (const text of shown) expect(text).not.toMatch(OBEYED);
    expect(shown[0]!.trimEnd().split('\n')).toHaveLength(2);
    expect(shown[0]).toContain(String.raw`\u001b[2J漢字🙂\u202eP\u000ax`);
    expect(shown[0]).toMatch(/no paper\\u001b\]0;gone\\u0007 …$/m);
    const { deadLetters } = (await asked('dead-letters', 'list', '--biz-id', HOSTILE_ID)) as {
      deadLetters: { bizId: string }[];
    };
    expect(deadLetters).toMatchObject([{ bizId: HOSTILE_ID }]);
  });
});

describe('with a broker that is a service,', () => {
  let world: World;
  let service: TestService;

  beforeEach(async () => {
    world = await World.open('sqlite', 'a broker apart', { providers: [Desk] });
    service = await startService(world.brokers);
  });

  afterEach(async () => {
    await service.close();
    await world.close();
  });

  const at = () => ['--broker', service.url];

  it('an operator is told what it tells, and what to do for the rest', async () => {
    world.app.nest.get(Desk).rejects.set('P-1', 'no such user');
    await world.publish('P-1');
    const database = ['--database', urlOf(world.business)];
    const status = await runCli(['status', ...database, ...at()]);
    expect(status).toMatchObject({ code: 0, stderr: '' });
    expect(status.stdout).toMatch(/^Broker: a service: http:/m);
    expect(status.stdout).toMatch(/^payment\.succeeded {2}cards +0 +- +0 +0 +- +- +1$/m);
    const found = await runCli(['find', 'payment.succeeded', 'P-1', ...database, ...at()]);
    expect(found).toMatchObject({ code: 0, stderr: '' });
    expect(found.stdout).toMatch(/^ {2}cards: dead letter since .*\(rejected\)/m);
    expect(found.stdout).toMatch(/^Note: The broker is a service .*tells of dead letters alone/m);
    const unseen = await runCli(['find', 'payment.succeeded', 'P-9', ...database, ...at()]);
    expect(unseen.code).toBe(3);
    expect(unseen.stdout).toMatch(/^payment\.succeeded P-9: not found where it could be looked\.$/m);
    const listed = await runCli(['dead-letters', 'list', ...at()]);
    expect(listed).toMatchObject({ code: 0, stderr: '' });
    expect(listed.stdout).toContain('no such user');
    expect(await runCli(['dead-letters', 'purge', '--group', 'cards', '--yes', ...at()])).toEqual({
      code: 0,
      stdout: '1 dead letter deleted.\n',
      stderr: '',
    });
  });

  it('and that is away, status says so, shows the rest, and has exit status 3', async () => {
    await service.close();
    const status = await runCli(['status', '--database', urlOf(world.business), ...at()]);
    expect(status).toMatchObject({ code: 3, stderr: '' });
    expect(status.stdout).toMatch(/it could not be reached$/m);
    expect(status.stdout).toMatch(/^Outbox: empty$/m);
    const list = await runCli(['dead-letters', 'list', ...at()]);
    expect(list).toMatchObject({ code: 3, stdout: '' });
    expect(list.stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  it('whose address has a user in it is refused, and that is not repeated', async () => {
    const { code, stderr } = await runCli(['groups', 'list', '--broker', 'http://me:S3cret@127.0.0.1:1']);
    expect(code).toBe(2);
    expect(stderr).toContain('IDEMPOTENT_MQ_TOKEN');
    expect(stderr).not.toContain('S3cret');
  });
});

describe('the commands of operators', () => {
  const refused = (ran: Ran, message: RegExp) => {
    expect({ code: ran.code, stdout: ran.stdout }).toEqual({ code: 2, stdout: '' });
    expect(ran.stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(ran.stderr).toMatch(message);
  };

  it.each<[string, string[], RegExp]>([
    [
      'half a command',
      ['dead-letters'],
      /^dead-letters needs .*one of list, show, requeue, purge\. See --help\./,
    ],
    ['half a command, misspelt', ['groups', 'lits'], /one of list, pause, resume, remove/],
    [
      'an argument that is missing',
      ['find', 'payment.succeeded'],
      /find needs TOPIC and BIZ-ID: BIZ-ID is missing/,
    ],
    [
      'an argument too many',
      ['find', 't', 'P-1', 'P-2'],
      /find takes TOPIC and BIZ-ID, and nothing more: P-2/,
    ],
    ['a dash without a warning', ['find', 't', '-1'], /There is no flag -1.*behind --/],
    ['neither ids nor a filter', ['dead-letters', 'purge', '--yes'], /ids or a filter.*neither was/],
    ['ids and a filter', ['dead-letters', 'requeue', '3-1', '--group', 'g'], /ids or a filter.*both were/],
    [
      'a date that is none',
      ['dead-letters', 'list', '--dead-until', 'monday'],
      /--dead-until must be a time/,
    ],
    ['a limit that is none', ['quarantine', 'list', '--limit', 'all'], /--limit must be a whole number/],
    ['forgetting in earnest', ['forget', '--database', 'sqlite:x'], /forget needs --dry-run/],
  ])('refuse %s in a line', async (_, args, message) => {
    refused(await runCli(args), message);
  });

  it.each([
    'status',
    'find',
    'dead-letters list',
    'dead-letters show',
    'dead-letters requeue',
    'dead-letters purge',
    'quarantine list',
    'quarantine show',
    'quarantine release',
    'quarantine discard',
    'groups list',
    'groups pause',
    'groups resume',
    'groups remove',
    'forget',
    'migrate',
    'audit',
    'serve',
  ])('explain themselves, with examples: %s --help', async (name) => {
    const { code, stdout, stderr } = await runCli([...name.split(' '), '--help']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(new RegExp(`^Usage: nestjs-idempotent-mq ${name}`));
    expect(stdout).toMatch(new RegExp(`^Examples:\\n {2}npx nestjs-idempotent-mq ${name}`, 'm'));
  });

  it('make no database where there is none', async () => {
    const ran = await runCli(['status', '--database', 'sqlite:no-such.sqlite']);
    expect(ran).toMatchObject({ code: 3, stdout: '' });
    expect(ran.stderr).toMatch(/There is no file \S+no-such\.sqlite/);
  });

  it('take a biz-id that begins with a dash behind --', async () => {
    const ran = await runCli([
      'find',
      '--database',
      'sqlite:no-such.sqlite',
      '--',
      'payment.succeeded',
      '-1',
    ]);
    expect(ran).toMatchObject({ code: 3 });
  });
});
