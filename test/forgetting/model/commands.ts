import fc from 'fast-check';
import { DAY_MS, HOUR_MS, TOPIC, sent } from '../../relay/parts.js';
import { LEASE_MS, type Library } from './library.js';
import { type Message, RETENTION, type Reference, days } from './reference.js';

type Command = fc.AsyncCommand<Reference, Library>;
type Run = (model: Reference, library: Library) => Promise<void>;

const BIZ_IDS = ['P-1', 'P-2', 'P-3', 'P-4'];
const LONGEST_DELAY_DAYS = 40;
const MOST = 100;

const bizIds = fc.constantFrom(...BIZ_IDS);
const which = fc.nat({ max: 4 });

/** What may happen, each as often as it is weighty. */
export const commands: fc.Arbitrary<Command> = fc.oneof(
  of(
    5,
    bizIds.map((bizId) => command(`publish ${bizId}`, (...on) => publish(bizId, ...on))),
  ),
  of(
    2,
    bizIds.map((bizId) => command(`write ${bizId}, and don't commit`, (model) => write(bizId, model))),
  ),
  of(2, fc.constant(command('commit', commit, has('open')))),
  of(
    8,
    fc
      .record({ limit: fc.integer({ min: 1, max: 3 }), losesAck: bools(4) })
      .map(({ limit, losesAck }) =>
        command(`deliver ${limit}${losesAck ? ', and lose each ACK' : ''}`, (...on) =>
          deliver({ limit, losesAck }, ...on),
        ),
      ),
  ),
  of(1, fc.constant(command('claim 2, and die', claimAndDie, hasClaimable))),
  of(
    2,
    fc
      .integer({ min: 1, max: LONGEST_DELAY_DAYS })
      .map((day) =>
        command(`set aside for ${day} days`, (...on) => setAside(day * DAY_MS, ...on), hasClaimable),
      ),
  ),
  of(3, fc.constant(command('dead-letter', deadLetter, hasClaimable))),
  of(
    2,
    which.map((nth) =>
      command(`requeue dead letter ${nth}`, (...on) => requeue(nth, ...on), has('dead', nth)),
    ),
  ),
  of(
    1,
    which.map((nth) => command(`purge dead letter ${nth}`, (...on) => purge(nth, ...on), has('dead', nth))),
  ),
  of(
    1,
    bizIds.map((bizId) => command(`quarantine ${bizId}`, (...on) => quarantine(bizId, ...on))),
  ),
  of(1, fc.constant(command('release', release, has('quarantined')))),
  of(5, fc.constant(command('forget', forget))),
  of(1, fc.constant(command('ask what can still come', ask))),
  of(1, fc.constant(command('forget by the answer', forgetAsAsked, ({ sweeperAsked }) => sweeperAsked))),
  of(1, fc.constant(command('the clock jumps, and back', jump))),
  of(1, fc.constant(command('restart', restart))),
  of(
    4,
    fc.integer({ min: 1, max: 30 }).map((hours) => passing(hours * HOUR_MS)),
  ),
  of(
    3,
    fc.integer({ min: 1, max: 12 }).map((day) => passing(day * DAY_MS)),
  ),
);

/** With nothing left to come, all is forgotten in the end: or it would be safe by forgetting nothing. */
export async function comeToRest(model: Reference, library: Library): Promise<void> {
  while (model.those('open').length > 0) await commit(model, library);
  await purgeAll(model, library);
  await pass(LONGEST_DELAY_DAYS * DAY_MS, model, library);
  await deliver({ limit: MOST, losesAck: false }, model, library);
  await purgeAll(model, library);
  await pass(RETENTION.dedupMs + RETENTION.slackMs + HOUR_MS, model, library);
  await forget(model, library);
  const left = await library.left();
  if (Object.keys(left).length > 0) model.fail(`there is something left: ${JSON.stringify(left)}`);
}

async function publish(bizId: string, model: Reference, library: Library): Promise<void> {
  model.note(`publish ${bizId}`);
  const message = model.wrote(sent(bizId), 'ready');
  await library.publish(message.sent);
}

async function write(bizId: string, model: Reference): Promise<void> {
  model.note(`publish ${bizId} in a transaction that stays open`);
  model.wrote(sent(bizId), 'open');
}

/** The transaction that has been open for longest. */
async function commit(model: Reference, library: Library): Promise<void> {
  const [message] = model.those('open') as [Message];
  const agoMs = model.nowMs - message.landedMs;
  model.note(`the transaction with ${message.bizId} commits, after ${days(agoMs)}`);
  model.landed(message);
  await library.publish(message.sent, agoMs);
}

async function claim(limit: number, model: Reference, library: Library) {
  const claimed = await library.claim(limit);
  model.claimed(claimed, limit, LEASE_MS);
  return claimed;
}

async function deliver(
  { limit, losesAck }: { limit: number; losesAck: boolean },
  model: Reference,
  library: Library,
): Promise<void> {
  for (const delivery of await claim(limit, model, library))
    model.consumed(delivery, await library.consume(delivery, { losesAck }));
}

async function claimAndDie(model: Reference, library: Library): Promise<void> {
  const { length } = await claim(2, model, library);
  model.note(`a process dies with ${length}`);
}

async function setAside(delayMs: number, model: Reference, library: Library): Promise<void> {
  for (const delivery of await claim(1, model, library)) {
    const message = model.of(delivery);
    model.note(`${message.bizId} waits for ${days(delayMs)}`);
    model.move(message, 'waiting', delayMs);
    await library.setAside(delivery, delayMs);
  }
}

async function deadLetter(model: Reference, library: Library): Promise<void> {
  for (const delivery of await claim(1, model, library)) {
    const message = model.of(delivery);
    model.note(`${message.bizId} is dead-lettered`);
    model.died(message);
    await library.deadLetter(delivery);
  }
}

/** What an operator sees is what there should be. @returns one of those, and by what the library knows it */
async function choose(nth: number, model: Reference, library: Library) {
  const letters = await library.deadLetters();
  const dead = model.dead();
  const [seen, wanted] = [letters.map(({ seq }) => seq), dead.map(({ seq }) => seq)].map(String);
  if (seen !== wanted) model.fail(`the dead letters are ${seen}, and should be ${wanted}`);
  return { message: dead[nth]!, id: letters[nth]!.id };
}

async function requeue(nth: number, model: Reference, library: Library): Promise<void> {
  const { message, id } = await choose(nth, model, library);
  model.note(`requeue ${message.bizId}`);
  message.state = 'ready';
  await library.requeue(id);
}

async function purge(nth: number, model: Reference, library: Library): Promise<void> {
  const { message, id } = await choose(nth, model, library);
  model.note(`purge ${message.bizId}`);
  message.state = 'over';
  await library.purge(id);
}

async function quarantine(bizId: string, model: Reference, library: Library): Promise<void> {
  model.note(`${bizId} is quarantined`);
  const message = model.wrote(sent(bizId), 'quarantined');
  await library.quarantine(message.sent);
}

/** The newest one. */
async function release(model: Reference, library: Library): Promise<void> {
  const [copy] = await library.quarantined();
  const message = model.those('quarantined').at(-1)!;
  if (copy?.innerMsgId !== message.sent.innerMsgId.toString('hex')) model.fail('another copy is quarantined');
  model.note(`release ${message.bizId}`);
  model.landed(message);
  await library.release(copy.id);
}

async function forget(model: Reference, library: Library): Promise<void> {
  const rows = await library.forget();
  model.counts.forgotten += rows;
  model.note(`forget: ${rows} rows`);
}

async function ask(model: Reference, library: Library): Promise<void> {
  model.note('a sweeper asks');
  model.sweeperAsked = true;
  await library.ask();
}

async function forgetAsAsked(model: Reference, library: Library): Promise<void> {
  model.sweeperAsked = false;
  const rows = await library.forgetAsAsked();
  model.counts.forgotten += rows;
  model.note(`the slow sweeper forgets ${rows} rows`);
}

/** The databases' clocks are months ahead for a while, which whoever forgets has to notice. */
async function jump(model: Reference, library: Library): Promise<void> {
  model.note('the clock jumps, and back');
  const rows = await library.whileOff(100 * DAY_MS, () => library.forget());
  if (rows > 0) model.fail('it forgot by a clock that had jumped');
}

async function restart(model: Reference, library: Library): Promise<void> {
  model.note('start');
  await library.restart();
}

async function pass(ms: number, model: Reference, library: Library): Promise<void> {
  model.nowMs += ms;
  library.pass(ms);
  model.note(`${days(ms)} have passed`);
}

async function purgeAll(model: Reference, library: Library): Promise<void> {
  await library.purge({ topic: TOPIC });
  for (const { id } of await library.quarantined()) await library.discard(id);
  for (const message of [...model.those('dead'), ...model.those('quarantined')]) message.state = 'over';
}

function passing(ms: number): Command {
  return command(`${days(ms)} pass`, (...on) => pass(ms, ...on));
}

function command(name: string, run: Run, check: (model: Readonly<Reference>) => boolean = () => true) {
  return { run, check, toString: () => name };
}

function of<T>(weight: number, arbitrary: fc.Arbitrary<T>): fc.WeightedArbitrary<T> {
  return { weight, arbitrary };
}

/** True once in so many. */
function bools(times: number): fc.Arbitrary<boolean> {
  return fc.nat({ max: times - 1 }).map((n) => n === times - 1);
}

function has(state: Message['state'], nth = 0): (model: Readonly<Reference>) => boolean {
  return (model) => model.those(state).length > nth;
}

function hasClaimable(model: Readonly<Reference>): boolean {
  return model.claimable().length > 0;
}
