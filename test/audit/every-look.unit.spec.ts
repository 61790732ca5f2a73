import { type Check, type Finding, type Suspicion, audit, wholeTable } from '../../src/audit/index.js';

/** What is reported was suspected in every look: nobody is called at night for two things that came and went. */

type Sighting = Pick<Finding, 'kind' | 'key'>;

const A: Sighting = { kind: 'turn-missing', key: { id: 1 } };
const B: Sighting = { kind: 'turn-missing', key: { id: 2 } };
const named = (those: readonly Sighting[]) =>
  those.map(({ kind, key }) => ({ kind, key, table: 'mq_table' }));

/** @param looks what is seen in each */
async function reported(looks: readonly Sighting[][], checkOf: (judge: () => Promise<Finding[]>) => Check) {
  let look = 0;
  const check = checkOf(async () => named(looks[look++] ?? []));
  const { found } = await audit([check], {
    limit: 20,
    settleMs: 1,
    // Two looks, or three.
    patienceMs: looks.length > 2 ? 5_000 : 0,
    pause: async () => undefined,
  });
  return [...found.values()].flatMap(({ findings }) => findings.map(({ kind, key }) => ({ kind, key })));
}

const ofTable = (judge: () => Promise<Finding[]>) => wholeTable(judge, () => 15_000) as Check;

/** Each row by itself: `at` is one and the same. */
const ofRow = (judge: () => Promise<Finding[]>): Check => ({
  patienceMs: () => 15_000,
  async *batches() {
    yield { within: 7, keys: [Buffer.from('P-1')] };
  },
  judge: async () =>
    (await judge()).map((finding): Suspicion<Buffer> => ({ at: Buffer.from('P-1'), finding })),
});

describe('an audit', () => {
  it('reports the rows that were suspicious each time, and no others', async () => {
    expect(await reported([[A, B], [B]], ofTable)).toEqual([B]);
    expect(await reported([[A], [A, B]], ofTable)).toEqual([A]);
  });

  it('reports nothing of two rows of one table of which the one was suspicious first, and the other last', async () => {
    expect(await reported([[A], [B]], ofTable)).toEqual([]);
  });

  it('reports nothing of a row that was suspicious of one thing first, and of another last', async () => {
    const missing: Sighting = { kind: 'message-missing', key: { id: 1 } };
    const doubled: Sighting = { kind: 'delivery-doubled', key: { id: 1 } };
    expect(await reported([[missing], [doubled]], ofRow)).toEqual([]);
    expect(await reported([[missing, doubled], [doubled]], ofRow)).toEqual([doubled]);
  });

  it('reports nothing that was sound in any of many looks', async () => {
    expect(await reported([[A, B], [B], [A, B]], ofTable)).toEqual([B]);
    expect(await reported([[A], [A], [B]], ofTable)).toEqual([]);
  });

  it('tells keys of bytes apart', async () => {
    const of = (bizId: string): Sighting => ({ kind: 'dedup-torn', key: { biz_id: Buffer.from(bizId) } });
    expect(await reported([[of('P-1')], [of('P-2')]], ofTable)).toEqual([]);
    expect(await reported([[of('P-1')], [of('P-1')]], ofTable)).toEqual([of('P-1')]);
  });
});
