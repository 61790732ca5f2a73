import { parseArgs } from 'node:util';
import { Logger } from '@nestjs/common';
import { dialectOf } from '../../src/storage/dialect.js';
import { commitOfCode } from '../log.js';
import { SimulatedDatabase } from './databases.js';
import { fakeGlobals } from './faked-globals.js';
import { ALL_FAULTS, CONSEQUENCES } from './faults.js';
import { type Course, linesOf, wrongsOf } from './report.js';
import { type Databases, type SeedOutcome, runSeed } from './seed.js';
import { type SimulatedVariant, simulatedVariantNamed, simulatedVariants } from './variants.js';

export const USAGE = `npm run campaign -- simulate --seed S --size N [options]

  --seed S        a whole number: the first of the seeds
  --size N        how many seeds, one after the other (after an interrupt, Ctrl-C: those so far)
  --trace         what happens in each of them, line by line
  --variant NAME  a broken variant in place of the library as it is, until a seed catches it
  --variants      every broken variant: fails if N seeds don't catch it

exit status: 0 nothing found; 1 something was, or a seed did not repeat itself; 2 void, a fault never happened; 3 called wrongly, or it could not be run`;

/** A seed in so many runs twice, and has to take the same course. */
const TWICE_EACH = 50;
/** Seeds of which it says what is wrong. */
const SHOWN = 10;

interface Arguments {
  first: number;
  size: number;
  traced: boolean;
  variants: readonly SimulatedVariant[];
}

/** @returns the exit status */
export async function simulate(argv: readonly string[]): Promise<number> {
  let args: Arguments;
  try {
    args = readArguments(argv);
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`);
    return 3;
  }
  Logger.overrideLogger(false);
  fakeGlobals();
  // Between the simulated processes and their databases answers do get lost.
  Object.assign(dialectOf('better-sqlite3'), { isWithinProcess: false });
  const databases = {
    business: await SimulatedDatabase.open('business'),
    broker: await SimulatedDatabase.open('broker'),
  };
  if (args.variants.length === 0) return runSeeds(args, databases);
  let status = 0;
  for (const variant of args.variants) {
    const caughtBy = await findDamage(variant, args, databases);
    if (!caughtBy) status = 1;
  }
  return status;
}

async function runSeeds({ first, size, traced }: Arguments, databases: Databases): Promise<number> {
  const commit = commitOfCode();
  const began = process.hrtime.bigint();
  const course: Course = { seeds: 0, happenings: 0, simulatedMs: 0, counts: new Map(), hash: '' };
  let damaged = 0;
  let notRepeated = 0;
  let isInterrupted = false;
  process.once('SIGINT', () => (isInterrupted = true));
  for (let seed = first; seed < first + size && !isInterrupted; seed++) {
    const outcome = await runSeed(seed, databases, { keepsTrace: traced });
    if (traced) console.log(outcome.trace.lines.join('\n'));
    add(outcome, course);
    const wrongs = wrongsOf(outcome);
    if (wrongs.length > 0 && ++damaged <= SHOWN) {
      console.log(
        `seed ${seed}: ${wrongs.join('; ')}\n  again: npm run campaign -- simulate --seed ${seed} --size 1 --trace`,
      );
    }
    const isAgain = wrongs.length > 0 || (seed - first) % TWICE_EACH === 0;
    if (isAgain && (await runSeed(seed, databases)).trace.hash !== outcome.trace.hash) {
      notRepeated++;
      console.log(`seed ${seed}: took another course when it ran again`);
    }
  }
  const missing = [...ALL_FAULTS, ...CONSEQUENCES].filter((fault) => !course.counts.has(fault));
  const verdict = damaged + notRepeated > 0 ? 'DAMAGED' : missing.length > 0 ? 'VOID' : 'OK';
  const tookMs = Number(process.hrtime.bigint() - began) / 1e6;
  console.log(
    `simulate, seeds ${first} to ${first + course.seeds - 1}: ${verdict}: ${damaged} of ${course.seeds} damaged, ${notRepeated} not repeated`,
  );
  for (const line of linesOf(course, tookMs)) console.log(`  ${line}`);
  if (missing.length > 0) console.log(`  never happened: ${missing.join(', ')}`);
  console.log(`  on ${commit}`);
  return { DAMAGED: 1, VOID: 2, OK: 0 }[verdict];
}

async function findDamage(
  variant: SimulatedVariant,
  { first, size }: Arguments,
  databases: Databases,
): Promise<SeedOutcome | undefined> {
  const { name, damage } = variant;
  for (let seed = first; seed < first + size; seed++) {
    const outcome = await runSeed(seed, databases, { variant });
    const [found] = outcome.findings[damage];
    if (found === undefined) continue;
    console.log(`${name}: CAUGHT, after ${seed - first + 1} seeds (seed ${seed}: ${damage}: ${found})`);
    return outcome;
  }
  console.log(`${name}: NOT CAUGHT within ${size} seeds (${damage})`);
  return undefined;
}

function add({ counts, simulatedMs, trace }: SeedOutcome, course: Course): void {
  course.seeds++;
  course.happenings += trace.length;
  course.simulatedMs += simulatedMs;
  for (const [what, count] of counts) course.counts.set(what, (course.counts.get(what) ?? 0) + count);
  course.hash = combined(course.hash, trace.hash);
}

/** Of two hexadecimal numbers, in their order. */
function combined(before: string, hash: string): string {
  const rotated = (BigInt(`0x${before || '0'}`) * 3n) & 0xffffffffffffffffn;
  return (rotated ^ BigInt(`0x${hash}`)).toString(16).padStart(16, '0');
}

/** @throws Error that says what is wrong */
function readArguments(argv: readonly string[]): Arguments {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      seed: { type: 'string' },
      size: { type: 'string' },
      trace: { type: 'boolean', default: false },
      variant: { type: 'string' },
      variants: { type: 'boolean', default: false },
    },
  });
  const variant = simulatedVariantNamed(values.variant);
  return {
    first: wholeNumber('--seed', values.seed),
    size: wholeNumber('--size', values.size),
    traced: values.trace,
    variants: values.variants ? simulatedVariants : variant ? [variant] : [],
  };
}

function wholeNumber(option: string, value: string | undefined): number {
  const number = Number(value);
  if (Number.isSafeInteger(number) && number > 0) return number;
  throw new Error(`${option} must be a whole number from 1 (got ${value ?? 'none'}).`);
}
