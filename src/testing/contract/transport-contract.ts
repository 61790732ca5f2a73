import { AssertionError } from 'node:assert';
import { isDeepStrictEqual } from 'node:util';
import { describeError, errorCode } from '../../errors/index.js';
import { decodeHistory, encodeHistory } from '../../storage/index.js';
import type {
  ClaimedDelivery,
  SentMessage,
  Transport,
  TransportCapabilities,
  TransportCapability,
} from '../../transport/port.js';
import { ContractGroup, broken, handledBetween, named } from './contract-group.js';
import { ContractSender } from './contract-sender.js';
import type { ContractOptions, ContractWorld } from './contract-world.js';

/** One promise of a transport. */
export interface ContractCheck {
  /** What is promised, as a sentence. */
  readonly name: string;
  /** Promised by those alone that declare this capability. */
  readonly only?: TransportCapability;
  /** Whether a transport that declares this promises it. What it does not promise is for the runner to skip, and to say so. */
  readonly applies: (capabilities: TransportCapabilities) => boolean;
  /** @throws AssertionError saying how it was broken; or that it does not apply: nothing passes that was not run */
  readonly run: () => Promise<void>;
}

interface Stage {
  readonly transport: Transport;
  readonly restart: () => Promise<Transport>;
  readonly another: () => Promise<Transport>;
  readonly sender: ContractSender;
  readonly topic: string;
  /** @param held with leases that outlive the check */
  readonly group: (name: string, transport?: Transport, held?: 'held') => Promise<ContractGroup>;
  /** So many messages, sent and landed. */
  readonly sent: (count: number, more?: Partial<SentMessage>) => Promise<SentMessage[]>;
}

const TOPIC = 'contract.checked';
/** Longer than a check takes, and than it looks for what must not come. Milliseconds. */
const LONG_MS = 60_000;
/** Of who can't reach the broker, and so can't have told it anything. */
const NO_ANSWER: ReadonlySet<string | undefined> = new Set(['BROKER_UNREACHABLE', 'ACK_TIMEOUT']);

/**
 * What every transport promises, as checks for whichever test runner: `for (const { name, applies, run } of
 * transportContract(open)) (applies(capabilities) ? it : it.skip)(name, run)`. Each opens a world of its own and closes it.
 *
 * @param open a broker with nothing in it, reached through the transport that is to be checked
 */
export function transportContract(
  open: () => Promise<ContractWorld>,
  { patienceMs = 10_000, settleMs = 300, leaseMs = 500 }: ContractOptions = {},
): ContractCheck[] {
  const options = { patienceMs, settleMs, leaseMs };
  const heldOptions = { ...options, leaseMs: LONG_MS };

  const check = (
    name: string,
    work: (stage: Stage) => Promise<void>,
    only?: TransportCapability,
  ): ContractCheck => ({
    name,
    ...(only && { only }),
    applies: (capabilities) => !only || capabilities[only],
    async run() {
      const world = await open();
      try {
        if (only && !world.transport.capabilities[only]) throw notPromised(only);
        const sender = new ContractSender();
        await work({
          transport: world.transport,
          restart: () => world.restart(),
          another: () => world.another(),
          sender,
          topic: TOPIC,
          group: (group, transport = world.transport, held) =>
            ContractGroup.subscribe(transport, { topic: TOPIC, group }, held ? heldOptions : options),
          async sent(count, more) {
            const messages = Array.from({ length: count }, (_, i) =>
              sender.message(TOPIC, `M-${i + 1}`, more),
            );
            await sender.land(world.transport, messages);
            return messages;
          },
        });
      } finally {
        await world.close();
      }
    },
  });

  return [
    check('each group is given every message that was sent', async ({ group, sent }) => {
      const groups = [await group('first'), await group('second')];
      const messages = await sent(20);
      for (const each of groups) expectSame(messages, await each.take(20));
    }),

    check(
      'a message arrives with the bytes with which it was sent',
      async ({ group, sender, transport, topic }) => {
        const first = await group('first');
        const message = sender.message(topic, 'Bücher 100%', {
          body: Buffer.from('{"n":9007199254740993,"é":"\\u0000"}'),
          headers: Buffer.from('[["trace","a b"],["ключ","значение"]]'),
          expiresAt: (Date.now() + LONG_MS) * 1000,
        });
        await sender.land(transport, [message]);
        const [came] = (await first.take(1)) as [ClaimedDelivery];
        for (const part of ['innerMsgId', 'bizId', 'body', 'headers'] as const) {
          if (
            !isDeepStrictEqual(
              message[part] && Buffer.from(message[part]),
              came[part] && Buffer.from(came[part]),
            )
          )
            throw broken(`${part} was sent as ${String(message[part])}, and came as ${String(came[part])}`);
        }
        const expiresInMs = came.expiresInMs ?? Infinity;
        if (expiresInMs > LONG_MS || expiresInMs < 0)
          throw broken(`it was to expire in a minute, and expires in ${expiresInMs} ms`);
      },
    ),

    check(
      'what its sender was told has landed is there after a restart',
      async ({ group, sent, restart }) => {
        await group('first');
        const messages = await sent(10);
        const first = await group('first', await restart());
        expectSame(messages, await first.take(10));
      },
    ),

    check(
      'what is not acknowledged comes again when its holder is gone',
      async ({ group, sent, restart }) => {
        const before = await group('first');
        const messages = await sent(5);
        await before.take(5);
        const after = await group('first', await restart());
        expectSame(messages, await after.take(5));
      },
    ),

    check('what is acknowledged never comes again', async ({ group, sent, restart }) => {
      const before = await group('first');
      await sent(5);
      for (const delivery of await before.take(5)) await before.acknowledge(delivery);
      await before.takeNothing('all was acknowledged');
      const after = await group('first', await restart());
      await after.takeNothing('all was acknowledged before the restart', { pastLeases: true });
    }),

    check('an ACK of one group takes nothing from another', async ({ group, sent }) => {
      const [first, second] = [await group('first'), await group('second')];
      const messages = await sent(5);
      for (const delivery of await first.take(5)) await first.acknowledge(delivery);
      expectSame(messages, await second.take(5));
    }),

    check('what one claim was given, no other is while it is held', async ({ group, sent, transport }) => {
      const first = await group('first', transport, 'held');
      await sent(5);
      await first.take(5);
      await first.takeNothing('all of it is held');
    }),

    check(
      'what one process was given, no other of its group is while it is held',
      async ({ group, sent, transport, another }) => {
        const first = await group('first', transport, 'held');
        const second = await group('first', await another(), 'held');
        await sent(5);
        const held = await first.take(5);
        await second.takeNothing('all of it is held by another process');
        for (const delivery of held) await first.acknowledge(delivery);
        await second.takeNothing('all of it was acknowledged by another process');
      },
    ),

    check(
      'what is sent to a group of two processes comes to one of them',
      async ({ group, sent, transport, another }) => {
        const both = [await group('first', transport, 'held'), await group('first', await another(), 'held')];
        const messages = await sent(20);
        expectSame(messages, await handledBetween(both, 20, patienceMs));
        for (const each of both) await each.takeNothing('each was handled by one of the two');
      },
    ),

    check('what is to be retried comes again after its time, with its attempts', async ({ group, sent }) => {
      const first = await group('first');
      await sent(1);
      const [failed] = (await first.take(1)) as [ClaimedDelivery];
      const history = [{ at: '2026-01-31T12:00:00.000Z', error: 'Error: “no cards left”' }];
      const attempt = { failures: 3, lostLeases: 0, errors: encodeHistory(history) };
      if (!(await first.transport.retryLater(failed, attempt, 2 * settleMs)))
        throw broken('retryLater() said that the lease was lost, which it was not');
      await first.takeNothing('it was to wait');
      const [again] = (await first.take(1)) as [ClaimedDelivery];
      const { failures, lostLeases, errors } = again;
      if (failures !== 3 || lostLeases !== 0)
        throw broken(
          `it had failed 3 times, and came again with ${failures} failures and ${lostLeases} lost leases`,
        );
      if (!isDeepStrictEqual(decodeHistory(errors), history))
        throw broken(`its errors were ${JSON.stringify(history)}, and it came again with ${String(errors)}`);
      await first.acknowledge(again);
      await first.takeNothing('it was acknowledged');
    }),

    check('what is given back comes again at no cost', async ({ group, sent }) => {
      const first = await group('first');
      await sent(1);
      const [held] = (await first.take(1)) as [ClaimedDelivery];
      if (!(await first.transport.giveBack(held, 0)))
        throw broken('giveBack() said that the lease was lost, which it was not');
      const [again] = (await first.take(1)) as [ClaimedDelivery];
      const { failures, lostLeases } = again;
      if (failures + lostLeases > 0)
        throw broken(`it came again with ${failures} failures and ${lostLeases} lost leases`);
    }),

    check('a dead letter does not come again', async ({ group, sent, restart }) => {
      const first = await group('first');
      await sent(2);
      const [dead, other] = (await first.take(2)) as [ClaimedDelivery, ClaimedDelivery];
      const attempt = { failures: 1, lostLeases: 0, errors: null };
      if (!(await first.transport.deadLetter(dead, attempt, 'rejected')))
        throw broken('deadLetter() said that the lease was lost, which it was not');
      await first.acknowledge(other);
      const after = await group('first', await restart());
      await after.takeNothing('it was dead-lettered', { pastLeases: true });
    }),

    check('an ACK of who has lost the delivery is not taken', async ({ group, sent, restart, transport }) => {
      const before = await group('first');
      await sent(1);
      const [lost] = (await before.take(1)) as [ClaimedDelivery];
      const after = await group('first', await restart());
      const [held] = (await after.take(1)) as [ClaimedDelivery];
      // A process that is thought to be gone may still be there. That it can't reach the broker any more is as good.
      const taken = await transport.acknowledge(lost).catch((error: unknown) => {
        if (NO_ANSWER.has(errorCode(error))) return false;
        throw broken(
          `an ACK that comes too late is answered with false, and not with ${describeError(error)}`,
        );
      });
      if (taken)
        throw broken('somebody else holds the delivery by now, and the ACK of its former holder was taken');
      await after.acknowledge(held);
    }),

    check(
      'messages of one key come one at a time, in their order',
      async ({ group, sent }) => {
        const first = await group('first');
        const messages = await sent(8, { orderingKey: Buffer.from('account-7') });
        for (const { bizId } of messages) {
          const [head] = (await first.take(1)) as [ClaimedDelivery];
          if (!head.bizId.equals(bizId))
            throw broken(`of the key, ${named([{ bizId }])} was next, and ${named([head])} came`);
          await first.takeNothing(`${named([head])} of the same key is held`);
          await first.acknowledge(head);
        }
      },
      'ordersKeys',
    ),

    check(
      'a message that is to be retried holds up its key, and no other',
      async ({ group, sender, transport, topic }) => {
        const first = await group('first');
        const of = (key: string, bizId: string) =>
          sender.message(topic, bizId, { orderingKey: Buffer.from(key) });
        await sender.land(transport, [of('a', 'A-1'), of('a', 'A-2'), of('b', 'B-1')]);
        const heads = await first.take(2);
        const failed = heads.find(({ bizId }) => bizId.toString() === 'A-1');
        if (!failed) throw broken(`A-1 and B-1 were next, and ${named(heads)} came`);
        for (const other of heads) if (other !== failed) await first.acknowledge(other);
        await first.transport.retryLater(failed, { failures: 1, lostLeases: 0, errors: null }, 2 * settleMs);
        await first.takeNothing('A-1 waits, and A-2 behind it');
        const [again] = (await first.take(1)) as [ClaimedDelivery];
        if (again.bizId.toString() !== 'A-1') throw broken(`A-1 was next, and ${named([again])} came`);
      },
      'ordersKeys',
    ),

    check(
      'what is sent again under its id is delivered once',
      async ({ group, sender, transport, sent }) => {
        const first = await group('first');
        const messages = await sent(5);
        const answers = await sender.send(transport, messages);
        if (answers.some(({ kind }) => kind !== 'duplicate'))
          throw broken(`a repeat was answered ${JSON.stringify(answers)}`);
        expectSame(messages, await first.take(5));
        await first.takeNothing('each message was sent twice under one id');
      },
      'absorbsResends',
    ),

    check(
      'a message that no group has subscribed to is kept',
      async ({ group, sender, transport, topic }) => {
        const message = sender.message(topic, 'M-1');
        const [answer] = await sender.send(transport, [message]);
        // Its sender keeps it.
        if (answer!.kind === 'refused') return;
        const first = await group('first');
        expectSame([message], await first.take(1));
      },
    ),
  ];
}

function notPromised(capability: TransportCapability): AssertionError {
  return new AssertionError({
    message: `This is promised by those transports that declare ${capability}, and this one does not: skip it, check.applies(transport.capabilities) says so.`,
    operator: 'transportContract',
  });
}

function expectSame(sent: readonly { bizId: Buffer }[], came: readonly { bizId: Buffer }[]): void {
  const [wanted, got] = [sent, came].map((those) => those.map(({ bizId }) => bizId.toString()).sort()) as [
    string[],
    string[],
  ];
  if (!isDeepStrictEqual(wanted, got))
    throw broken(`${wanted.join(', ')} were sent, and ${named(came)} came`);
}
