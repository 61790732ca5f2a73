/** Ids of which one pass keeps a hash of eight bytes: 32 MiB. What is longer takes several passes. */
const IDS_OF_A_PASS = 4_000_000;

export interface Numbered {
  innerMsgId: Buffer;
}

/**
 * Finds ids that come more than once, without an index and without keeping them: it goes through all of them for their
 * hashes, and, where two are alike, through all of them again.
 *
 * @param bound how many there are at most
 * @param all goes through all of them anew with each call
 * @returns those that share their id with another, id by id
 */
export async function findAlike<Row extends Numbered>(
  bound: number,
  all: () => AsyncIterable<Row>,
  idsOfAPass = IDS_OF_A_PASS,
): Promise<Row[][]> {
  const passes = Math.max(1, Math.ceil(bound / idsOfAPass));
  const groups = new Map<string, Row[]>();
  for (let pass = 0; pass < passes; pass++) {
    const isOfPass = (hash: bigint) => Number(hash % BigInt(passes)) === pass;
    const hashes = new Hashes();
    for await (const { innerMsgId } of all()) {
      const hash = hashOf(innerMsgId);
      if (isOfPass(hash)) hashes.add(hash);
    }
    const doubled = hashes.doubled();
    if (doubled.size === 0) continue;
    for await (const row of all()) {
      if (!doubled.has(hashOf(row.innerMsgId))) continue;
      const id = row.innerMsgId.toString('hex');
      const group = groups.get(id);
      if (group) group.push(row);
      else groups.set(id, [row]);
    }
  }
  return [...groups.values()].filter((group) => group.length > 1);
}

/** A growing list of numbers of eight bytes. */
class Hashes {
  private values = new BigUint64Array(1_024);
  private length = 0;

  add(hash: bigint): void {
    if (this.length === this.values.length) {
      const longer = new BigUint64Array(2 * this.length);
      longer.set(this.values);
      this.values = longer;
    }
    this.values[this.length++] = hash;
  }

  doubled(): Set<bigint> {
    const sorted = this.values.subarray(0, this.length).sort();
    const found = new Set<bigint>();
    for (let i = 1; i < sorted.length; i++) if (sorted[i] === sorted[i - 1]) found.add(sorted[i]!);
    return found;
  }
}

/** The halves of a UUIDv7 are a time and what is random. An odd factor keeps both. */
function hashOf(id: Buffer): bigint {
  return BigInt.asUintN(64, id.readBigUInt64BE(0) * 0x9e3779b97f4a7c15n) ^ id.readBigUInt64BE(8);
}
