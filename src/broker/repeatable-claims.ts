import {
  type ClaimableRow,
  type Connection,
  type DeliveryKey,
  type LibraryConnections,
  byPlace,
  deleteClaims,
  findExpiredClaims,
  findStillClaimed,
  giveBack,
  insertClaim,
  lockAnswer,
  noteAnswer,
  readMessages,
} from '../storage/index.js';
import {
  type AroundClaim,
  type ClaimAnswer,
  type ClaimOneRequest,
  type ClaimRequest,
  type Delivering,
  type LeasedDelivery,
  leasedDelivery,
} from './deliver.js';

interface Holder {
  subscription: { id: number };
  claimId: Buffer;
  leaseMs: number;
}

/** A claim that was given up before it came is remembered for so long, in milliseconds: longer than any request is on its way. */
const GIVEN_UP_MS = 600_000;
/** Clocks of broker and holder run apart by less. Milliseconds. */
const MARGIN_MS = 60_000;
const BATCH = 500;

/**
 * Step 4 where the answer may get lost on its way. The claim's id is made by whoever claims, and is the lease token: the
 * same claim again is given what it was given before, as far as it still has it.
 */
export class RepeatableClaims {
  constructor(
    private readonly connections: LibraryConnections,
    private readonly delivering: Delivering,
  ) {}

  claim(request: ClaimRequest): Promise<ClaimAnswer> {
    return this.once(request, {
      ask: (around) => this.delivering.claim(request, around),
      note: (answer) => answer,
      again: (answer) => answer,
    });
  }

  claimAlone(request: ClaimOneRequest): Promise<LeasedDelivery | undefined> {
    return this.once(request, {
      ask: (around) => this.delivering.claimAlone(request, around),
      note: (delivery) => ({ ...NOTHING, deliveries: delivery ? [delivery] : [] }),
      again: ({ deliveries }) => deliveries[0],
    });
  }

  /**
   * Hands back what the claim has leased, at no cost. One that is still on its way is given nothing when it comes.
   *
   * @returns how many deliveries were handed back
   */
  async giveUp({ subscription, claimId }: Omit<Holder, 'leaseMs'>): Promise<number> {
    const { database } = this.connections;
    const claim = { claimId, subscriptionId: subscription.id, leaseMs: GIVEN_UP_MS };
    try {
      await this.connections.controlTransaction((on) => insertClaim(database, on, claim));
      return 0;
    } catch (error) {
      if (!database.dialect.isDuplicateKey(error)) throw error;
    }
    return this.connections.controlTransaction(async (on) => {
      const noted = await lockAnswer(database, on, claimId);
      if (noted?.subscriptionId !== subscription.id) return 0;
      let count = 0;
      for (const delivery of decode(noted.answer).those) {
        const held = { ...delivery, subscriptionId: subscription.id, token: claimId };
        if (await giveBack(database, on, held, 0)) count++;
      }
      return count;
    });
  }

  /** @returns how many answers were forgotten */
  async sweep(signal?: AbortSignal): Promise<number> {
    const { database } = this.connections;
    let forgotten = 0;
    for (;;) {
      const ids = await this.connections.control((on) =>
        findExpiredClaims(database, on, { olderThanMs: MARGIN_MS, limit: BATCH }),
      );
      if (ids.length > 0) await this.connections.controlTransaction((on) => deleteClaims(database, on, ids));
      forgotten += ids.length;
      if (ids.length < BATCH || signal?.aborted) return forgotten;
    }
  }

  private async once<T>(
    { subscription, claimId, leaseMs }: Holder,
    { ask, note, again }: Asking<T>,
  ): Promise<T> {
    const { database } = this.connections;
    const claim = { claimId, subscriptionId: subscription.id, leaseMs };
    const around: AroundClaim<T> = {
      begin: (on) => insertClaim(database, on, claim),
      end: async (on, answer) => {
        const noted = note(answer);
        // To ask again is no harm where nothing was leased, and whoever waits asks often.
        if (noted.deliveries.length === 0) await deleteClaims(database, on, [claimId]);
        else await noteAnswer(database, on, claimId, encode(noted));
      },
    };
    try {
      return await ask(around);
    } catch (error) {
      // No other statement of a claim inserts under a key that may be there.
      if (!database.dialect.isDuplicateKey(error)) throw error;
    }
    return again(await this.connections.controlTransaction((on) => this.answerAgain(on, claim)));
  }

  private async answerAgain(
    on: Connection,
    { claimId, subscriptionId }: { claimId: Buffer; subscriptionId: number },
  ): Promise<ClaimAnswer> {
    const { database } = this.connections;
    const noted = await lockAnswer(database, on, claimId);
    if (noted?.subscriptionId !== subscriptionId) return NOTHING;
    const { those, ...rest } = decode(noted.answer);
    const rows: ClaimableRow[] = [];
    for (const place of byPlace(those)) {
      rows.push(...(await findStillClaimed(database, on, { subscriptionId, those: place, claimId })));
    }
    if (rows.length === 0) return { ...rest, deliveries: [] };
    const seqs = rows.map(({ seq }) => seq);
    const messages = new Map((await readMessages(database, on, seqs)).map((row) => [row.seq, row]));
    const deliveries = rows.flatMap((row) => {
      const message = messages.get(row.seq);
      return message ? [leasedDelivery(row, message, { subscriptionId, token: claimId })] : [];
    });
    return { ...rest, deliveries };
  }
}

interface Asking<T> {
  ask: (around: AroundClaim<T>) => Promise<T>;
  note: (answer: T) => ClaimAnswer;
  again: (answer: ClaimAnswer) => T;
}

const NOTHING: ClaimAnswer = {
  deliveries: [],
  lastSeen: undefined,
  suspects: [],
  heldBack: false,
  keys: undefined,
};

type Place = [seq: number, key: string | null];
type Noted = Omit<ClaimAnswer, 'deliveries'> & { those: DeliveryKey[] };

function encode({ deliveries, suspects, keys, ...rest }: ClaimAnswer): Buffer {
  const noted = {
    ...rest,
    those: deliveries.map(placeOf),
    suspects: suspects.map(placeOf),
    keys: keys && { ...keys, after: keys.after.toString('hex') },
  };
  return Buffer.from(JSON.stringify(noted), 'utf8');
}

/** Null where the claim was given up before it came. */
function decode(answer: Buffer | null): Noted {
  if (!answer) return { ...NOTHING, those: [] };
  const noted = JSON.parse(answer.toString('utf8')) as {
    those: Place[];
    suspects: Place[];
    lastSeen?: number;
    heldBack: boolean;
    keys?: { after: string; exhausted: boolean };
  };
  return {
    those: noted.those.map(ofPlace),
    suspects: noted.suspects.map(ofPlace),
    lastSeen: noted.lastSeen,
    heldBack: noted.heldBack,
    keys: noted.keys && { ...noted.keys, after: Buffer.from(noted.keys.after, 'hex') },
  };
}

function placeOf({ seq, orderingKey }: DeliveryKey): Place {
  return [seq, orderingKey?.toString('hex') ?? null];
}

function ofPlace([seq, key]: Place): DeliveryKey {
  return { seq, orderingKey: key === null ? undefined : Buffer.from(key, 'hex') };
}
