import { type IdempotentMqEvent, IdempotentMqEvents } from '../../src/events/index.js';
import { type OutboxClaims, Relay, type RelayOptions } from '../../src/publisher/index.js';
import type { LeasedRow } from '../../src/storage/index.js';
import type { Acceptance, SendAnswer, Transport } from '../../src/transport/port.js';
import { until } from '../support/until.js';
import { RELAY, sent } from './parts.js';

// Property: the relay's loop survives whatever its broker does, says what changes and no more, and stops in time.

const ACCEPTANCE: Acceptance = {
  now: 0,
  floor: undefined,
  windowMs: 1,
  broker: Buffer.alloc(16),
  knownClaims: 0,
};
const row = (seq: number, sends = 1): LeasedRow => ({
  ...sent(`P-${seq}`),
  formerId: undefined,
  expiresAt: undefined,
  table: 'outbox',
  seq,
  sends,
});

/** An outbox of which a test says what is claimed. */
class ScriptedOutbox {
  readonly claimed: LeasedRow[][] = [];
  readonly handedBack: number[] = [];
  polls = 0;
  readonly asClaims = {
    poll: async () => {
      this.polls++;
      return this.claimed.length > 0;
    },
    origin: async () => Buffer.alloc(16),
    claim: async () => ({
      origin: Buffer.alloc(16),
      claims: 1,
      token: Buffer.alloc(16),
      rows: this.claimed.shift()!,
    }),
    acknowledged: async (_: unknown, rows: readonly LeasedRow[]) => rows.length,
    handBack: async (_: unknown, rows: readonly LeasedRow[]) => {
      this.handedBack.push(...rows.map(({ seq }) => seq));
    },
    postpone: async () => undefined,
  } as unknown as OutboxClaims;
}

describe('the loop of a relay', () => {
  let outbox: ScriptedOutbox;
  let seen: IdempotentMqEvent[];
  let relay: Relay;

  const begin = (broker: Partial<Transport>, options: Partial<RelayOptions> = {}) => {
    outbox = new ScriptedOutbox();
    seen = [];
    const events = new IdempotentMqEvents();
    events.events$.subscribe((event) => seen.push(event));
    const transport = { acceptance: async () => ACCEPTANCE, ...broker } as Transport;
    const all = { ...RELAY, pollMs: 1, ...options };
    relay = new Relay(outbox.asClaims, transport, events, all, () => () => undefined);
  };
  const types = () => seen.map(({ type }) => type).filter((type) => type.startsWith('relay-'));
  const landed = async ({ messages }: { messages: readonly unknown[] }): Promise<SendAnswer[]> =>
    messages.map(() => ({ kind: 'landed' }));

  afterEach(() => relay.stop(0));

  it('says that it works again when the broker has taken something, not when there is nothing to send', async () => {
    let fails = true;
    const unlessItFails = <T>(answer: T) =>
      fails ? Promise.reject(new Error('away')) : Promise.resolve(answer);
    begin({
      acceptance: () => unlessItFails(ACCEPTANCE),
      send: async (shipment) => unlessItFails(await landed(shipment)),
    });
    outbox.claimed.push([row(1)]);
    relay.start();
    await until('it has failed', async () => types().length > 0);
    // Nothing is to be sent: what it did not take waits for its turn.
    outbox.claimed.length = 0;
    const polls = outbox.polls;
    await until('it has looked again and again', async () => outbox.polls > polls + 5);
    expect(types()).not.toContain('relay-recovered');
    fails = false;
    outbox.claimed.push([row(1, 2)]);
    await until('it works', async () => types().includes('relay-recovered'));
    expect(types().filter((type) => type === 'relay-recovered')).toHaveLength(1);
  });

  it.each(['acceptance', 'send'] as const)('goes on when a broker never answers %s', async (what) => {
    let silences = 2;
    const silent = () => new Promise<never>(() => undefined);
    begin(
      {
        acceptance: () => (what === 'acceptance' && silences-- > 0 ? silent() : Promise.resolve(ACCEPTANCE)),
        send: (shipment) => (what === 'send' && silences-- > 0 ? silent() : landed(shipment)),
      },
      { ackTimeoutMs: 5 },
    );
    outbox.claimed.push([row(1)], [row(1)], [row(1)]);
    relay.start();
    await until('it has been sent', async () => seen.some(({ type }) => type === 'relayed'));
    // Whoever doesn't answer what it is asked is away. One shipment without an ACK is sent again.
    const told = what === 'acceptance' ? 'relay-error' : 'ack-missed';
    expect(seen.filter(({ type }) => type === told)).toHaveLength(2);
  });

  it('sends nothing more once it is to stop, hands back the rest, and calls that no error', async () => {
    let stopping: Promise<void> | undefined;
    const shipped: number[] = [];
    begin({
      send: async (shipment) => {
        shipped.push(shipment.messages.length);
        stopping ??= relay.stop(10_000);
        return landed(shipment);
      },
    });
    outbox.claimed.push([row(1), row(2), row(3, 7), row(4, 7)]);
    relay.start();
    await until('it stops', async () => stopping !== undefined);
    await stopping;
    expect(shipped).toEqual([2]);
    expect(outbox.handedBack).toEqual([3, 4]);
    expect(types()).toEqual([]);
  });

  it('sends first what has not failed, then one of the others, then twice as many each time', async () => {
    const shipped: string[][] = [];
    begin({
      send: async (shipment) => {
        shipped.push(shipment.messages.map(({ bizId }) => bizId.toString()));
        return landed(shipment);
      },
    });
    outbox.claimed.push([row(1, 9), row(2, 3), row(3, 3), row(4, 4), row(5)]);
    await relay.relayOnce();
    expect(shipped).toEqual([['P-5'], ['P-2'], ['P-3', 'P-4'], ['P-1']]);
  });
});
