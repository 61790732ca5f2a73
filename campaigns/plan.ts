import type { Arguments } from './arguments.js';
import { engineOf } from './databases/create.js';
import type { ChunkId } from './log.js';
import { variantNamed, variants } from './variants/index.js';

/** Faults that a control needs at most to show what it is there for. */
const CONTROL_SIZE = 5;

/** What is to be run, in this order. A chunk's seed is derived from the campaign's and its number. */
export function chunksOf(args: Arguments): ChunkId[] {
  const chosen = args.allVariants ? variants.map(({ name }) => name) : [args.variant];
  if (chosen[0] === undefined) chosen.push(...controls());
  const chunks = chosen.flatMap((variant) =>
    args.shapes.flatMap((shape) =>
      sizesOf(args, variant).map((size, i): ChunkId => {
        const { campaign, seed, perTransaction } = args;
        const id = { campaign, engine: engineOf(args.url), shape, seed, chunk: i + 1, size };
        return {
          ...id,
          ...(variant !== undefined && { variant }),
          ...(perTransaction && { perTransaction }),
        };
      }),
    ),
  );
  const possible = chunks.filter(isPossible);
  if (possible.length > 0) return possible;
  throw new Error(`There is nothing to show of ${args.variant ?? 'this'} so: see campaigns/variants.`);
}

export function seedOf({ seed, shape, chunk, variant }: ChunkId): string {
  return [seed, shape, chunk, ...(variant ? [variant] : [])].join('#');
}

/** They run beside the library as it is. */
function controls(): string[] {
  return variants.filter(({ control }) => control).map(({ name }) => name);
}

function sizesOf({ size, chunk, variant: asked }: Arguments, variant: string | undefined): number[] {
  if (variantNamed(variant)?.control && !asked) return [Math.min(size, CONTROL_SIZE)];
  const count = Math.ceil(size / chunk);
  return Array.from({ length: count }, (_, i) => Math.min(chunk, size - i * chunk));
}

function isPossible({ variant: name, campaign, shape, engine }: ChunkId): boolean {
  const variant = variantNamed(name);
  if (!variant) return true;
  const { campaigns, shapes, engines } = variant;
  return campaigns.some((each) => each === campaign) && shapes.includes(shape) && engines.includes(engine);
}
