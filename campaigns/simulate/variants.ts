import { ackFirst } from '../variants/ack-first.js';
import { acksBeforeCommit } from '../variants/acks-before-commit.js';
import { backoffStepsAside } from '../variants/backoff-steps-aside.js';
import { blindRetry } from '../variants/blind-retry.js';
import { dedupApart } from '../variants/dedup-in-its-own-transaction.js';
import { deleteBeforeAck } from '../variants/delete-before-ack.js';
import { newIdEachSend } from '../variants/new-id-each-send.js';
import { noAcceptedIds } from '../variants/no-accepted-ids.js';
import { noDedup } from '../variants/no-dedup.js';
import { outboxWithoutLines } from '../variants/outbox-without-lines.js';
import type { Variant } from '../variants/variant.js';
import { withoutKeys } from '../variants/without-keys.js';
import type { Findings } from './check.js';
import { forgetsByAge } from './forgets-by-age.js';
import { idWatermark } from './id-watermark.js';
import type { World } from './world.js';

/** The protocol with one rule broken: as other campaigns have it, or for the simulation alone. */
export interface SimulatedVariant extends Pick<
  Variant,
  'name' | 'consumer' | 'through' | 'instance' | 'spoil' | 'withoutKeys'
> {
  /** What it costs; the simulation must find this. */
  readonly damage: keyof Findings;
  readonly shapes: readonly (1 | 2)[];
  /** In place of the library's own. */
  readonly forgetIn?: (world: World) => void;
}

export const simulatedVariants: readonly SimulatedVariant[] = [
  noDedup,
  dedupApart,
  ackFirst,
  blindRetry,
  newIdEachSend,
  deleteBeforeAck,
  noAcceptedIds,
  { ...acksBeforeCommit, damage: 'lost' },
  withoutKeys,
  outboxWithoutLines,
  backoffStepsAside,
  idWatermark,
  forgetsByAge,
].map((variant) => ({ ...variant, damage: variant.damage as keyof Findings }));

/** @throws Error that names those which there are */
export function simulatedVariantNamed(name: string | undefined): SimulatedVariant | undefined {
  if (name === undefined) return undefined;
  const found = simulatedVariants.find((variant) => variant.name === name);
  if (found) return found;
  throw new Error(
    `--variant must be one of ${simulatedVariants.map((each) => each.name).join(', ')} (got ${name}).`,
  );
}
