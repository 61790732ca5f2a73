import { judge } from '../../examples/demo/stage/judgement.js';
import { NETWORK_FAULTS } from '../../examples/demo/wire/network-faults.js';

type Results = Parameters<typeof judge>[0];
type Counts = NonNullable<Results['network']>['counts'];

/** The demo's verdict on a run in which everything happened, and nothing went wrong. */
function goodRun(change: (results: Results) => void = () => undefined): Results {
  const results = {
    payments: 100,
    apart: true,
    withoutDedup: false,
    published: 110,
    landed: 110,
    tally: {
      resent: 1,
      resendsAbsorbed: 1,
      landedTwice: 0,
      delivered: 221,
      redelivered: 1,
      duplicatesAbsorbed: 11,
      acks3Dropped: 1,
      acks5Dropped: 1,
      troubles: [],
    },
    faults: {
      paymentSystem: { killed: 0, paused: 0, wanted: { kills: 0, pauses: 0 } },
      cardWorkers: { killed: 1, paused: 1, wanted: { kills: 5, pauses: 1 } },
      relays: { killed: 1, paused: 1, wanted: { kills: 2, pauses: 1 } },
      broker: { killed: 1, paused: 0, wanted: { kills: 2, pauses: 0 } },
    },
    story: { paymentId: 'P-5', innerMsgId: '00', lines: [], cards: 1 },
    crashes: [],
    sms: { sent: 111, repeats: 11 },
    verdict: { payments: 100, cards: 100, lost: 0, doubled: 0, unpaid: 0 },
  } as unknown as Results;
  change(results);
  return results;
}

/** The same over the network, where each fault is wanted so often. */
function goodRunOverTheNetwork(change: (results: Results) => void = () => undefined): Results {
  const wanted = { kills: 2, pauses: 0 };
  return goodRun((results) => {
    results.faults.paymentSystem = { killed: 2, paused: 0, wanted };
    results.faults.relays = { killed: 2, paused: 0, wanted };
    results.faults.broker = { killed: 2, paused: 0, wanted };
    results.faults.cardWorkers = { killed: 3, paused: 1, wanted: { kills: 2, pauses: 1 } };
    const counts = Object.fromEntries(NETWORK_FAULTS.map((kind) => [kind, 3])) as Counts;
    results.network = { counts, late: 1, wanted: 3 };
    change(results);
  });
}

/** The same through an engine, whose server nobody kills. */
function goodRunThrough(
  engine: Omit<NonNullable<Results['engine']>, 'cuts' | 'connectionsCut' | 'left'>,
  change: (results: Results) => void,
): Results {
  const wanted = { kills: 2, pauses: 0 };
  return goodRun((results) => {
    results.faults = {
      paymentSystem: { killed: 2, paused: 0, wanted },
      relays: { killed: 2, paused: 0, wanted },
      cardWorkers: { killed: 2, paused: 1, wanted: { kills: 2, pauses: 1 } },
    };
    const cuts = { counts: { 'ack-3': 2, 'ack-5': 2, any: 2 }, wanted: 2 };
    results.engine = { ...engine, cuts, connectionsCut: 20, left: 0 };
    change(results);
  });
}

function goodRunThroughRabbitmq(change: (results: Results) => void = () => undefined): Results {
  const engine = { name: 'RabbitMQ', campaign: 'campaign:rabbitmq', absorbsResends: false };
  return goodRunThrough(engine, (results) => {
    results.tally.landedTwice = 1;
    results.tally.resendsAbsorbed = 0;
    change(results);
  });
}

function goodRunThroughJetstream(change: (results: Results) => void = () => undefined): Results {
  const engine = { name: 'JetStream', campaign: 'campaign:jetstream', absorbsResends: true };
  return goodRunThrough(engine, change);
}

describe('the verdict on a run of the demo', () => {
  it('is good when everything happened, and nothing is lost or doubled', () => {
    expect(judge(goodRun())).toEqual({ status: 0, reasons: [] });
  });

  it.each<[string, (results: Results) => void]>([
    ['no payment was published twice', (results) => (results.landed = results.published = 100)],
    ['no ACK 3 was lost', ({ tally }) => (tally.acks3Dropped = 0)],
    ['no ACK 5 was lost', ({ tally }) => (tally.acks5Dropped = 0)],
    ['no relay was killed', ({ faults }) => (faults.relays!.killed = 0)],
    ['no relay was paused past its lease', ({ faults }) => (faults.relays!.paused = 0)],
    ['the broker was not killed', ({ faults }) => (faults.broker!.killed = 0)],
    ['no card worker was killed', ({ faults }) => (faults.cardWorkers.killed = 0)],
    ['no card worker was paused past its lease', ({ faults }) => (faults.cardWorkers.paused = 0)],
    ['nothing was delivered again', ({ tally }) => (tally.redelivered = 0)],
    ['no duplicate was absorbed by the card system', ({ tally }) => (tally.duplicatesAbsorbed = 0)],
    ['no repeat was absorbed by the broker', ({ tally }) => (tally.resendsAbsorbed = 0)],
    ['no message lost both ACKs', (results) => (results.story = undefined)],
  ])('is that the run is void when %s', (what, change) => {
    expect(judge(goodRun(change))).toEqual({ status: 2, reasons: [`This run is void: ${what}.`] });
  });

  it.each<[string, (results: Results) => void]>([
    ['a card is missing', ({ verdict }) => (verdict.lost = 1)],
    ['a card is too many', ({ verdict }) => (verdict.doubled = 1)],
    ['a payment is missing', ({ verdict }) => (verdict.payments = 99)],
    ['a message landed twice', ({ tally }) => (tally.landedTwice = 1)],
    ['a message did not land', (results) => (results.landed = 109)],
    ['a card has no payment', ({ verdict }) => (verdict.unpaid = 1)],
    ['somebody got no SMS', ({ sms }) => (sms.sent = 110)],
    ['a system ended by itself', (results) => (results.crashes = ['relay 1 ended by itself (1).'])],
  ])('is bad when %s', (_, change) => {
    expect(judge(goodRun(change)).status).toBe(1);
  });
});

describe('the verdict on a run through an engine', () => {
  it('is good when everything happened often enough', () => {
    for (const run of [goodRunThroughRabbitmq, goodRunThroughJetstream])
      expect(judge(run())).toEqual({ status: 0, reasons: [] });
  });

  it.each<[string, (results: Results) => void]>([
    ['no connection was cut with an ACK 3 on its way', ({ engine }) => (engine!.cuts.counts['ack-3'] = 0)],
    ['ACK 5 cut off: 1, and at least 2 were wanted', ({ engine }) => (engine!.cuts.counts['ack-5'] = 1)],
    ['the systems were not cut off all at once', ({ engine }) => (engine!.cuts.counts.any = 0)],
    ['no ACK 3 was lost', ({ tally }) => (tally.acks3Dropped = 0)],
    ['no ACK 5 was lost', ({ tally }) => (tally.acks5Dropped = 0)],
    ['no message lost both ACKs', (results) => (results.story = undefined)],
    [
      'relays killed: 1, and at least 2 were wanted',
      ({ faults }) => (faults.relays = { ...faults.relays!, killed: 1 }),
    ],
  ])('is that the run is void when %s', (what, change) => {
    for (const run of [goodRunThroughRabbitmq, goodRunThroughJetstream])
      expect(judge(run(change))).toEqual({ status: 2, reasons: [`This run is void: ${what}.`] });
  });

  it('is that the run is void when no repeat came about, whoever is to absorb it', () => {
    expect(judge(goodRunThroughRabbitmq(({ tally }) => (tally.landedTwice = 0))).reasons).toEqual([
      'This run is void: no message travelled twice.',
    ]);
    expect(judge(goodRunThroughJetstream(({ tally }) => (tally.resendsAbsorbed = 0))).reasons).toEqual([
      'This run is void: no repeat was absorbed by the broker.',
    ]);
  });

  it('is bad when a message is left in it, or when one that absorbs repeats has stored one twice', () => {
    for (const run of [goodRunThroughRabbitmq, goodRunThroughJetstream])
      expect(judge(run(({ engine }) => (engine!.left = 1))).status).toBe(1);
    expect(judge(goodRunThroughJetstream(({ tally }) => (tally.landedTwice = 1))).status).toBe(1);
  });
});

describe('the verdict on a run over the network', () => {
  it('is good when everything happened often enough', () => {
    expect(judge(goodRunOverTheNetwork())).toEqual({ status: 0, reasons: [] });
  });

  it.each(NETWORK_FAULTS)('is that the run is void when %s never happened, or too seldom', (kind) => {
    for (const count of [0, 2]) {
      const { status, reasons } = judge(
        goodRunOverTheNetwork(({ network }) => {
          network!.counts[kind] = count;
        }),
      );
      expect(status).toBe(2);
      expect(reasons).toHaveLength(1);
    }
  });

  it.each<[string, (results: Results) => void]>([
    ['the payment system was not killed', ({ faults }) => (faults.paymentSystem.killed = 0)],
    [
      'relays killed: 1, and at least 2 were wanted',
      ({ faults }) => (faults.relays = { ...faults.relays!, killed: 1 }),
    ],
    [
      'broker killed: 1, and at least 2 were wanted',
      ({ faults }) => (faults.broker = { ...faults.broker!, killed: 1 }),
    ],
    ['requests cut: 2, and at least 3 were wanted', ({ network }) => (network!.counts['request-cut'] = 2)],
  ])('is that the run is void when %s', (what, change) => {
    expect(judge(goodRunOverTheNetwork(change))).toEqual({
      status: 2,
      reasons: [`This run is void: ${what}.`],
    });
  });
});
