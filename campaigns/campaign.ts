import 'reflect-metadata';
import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Arguments, USAGE, readArguments } from './arguments.js';
import { runChunk } from './chunk.js';
import { type ChunkId, Log, commitOfCode } from './log.js';
import { chunksOf, seedOf } from './plan.js';
import { bundleProcess, judgesEarly } from './processes/bundle.js';
import { lineOf } from './report.js';
import { variantNamed } from './variants/index.js';
import { STATUS, type Verdict, describe, verdictOf } from './verdict.js';

process.exitCode = await run(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error);
  return 3;
});

/** The simulation needs no processes: it is one. */
async function run(argv: readonly string[]): Promise<number> {
  if (argv[0] !== 'simulate') return campaign(argv);
  const { simulate } = await import('./simulate/main.js');
  return simulate(argv.slice(1));
}

/** @returns the exit status */
async function campaign(argv: readonly string[]): Promise<number> {
  let args: Arguments;
  let chunks: ChunkId[];
  try {
    args = readArguments(argv);
    chunks = chunksOf(args);
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`);
    return 3;
  }
  const log = new Log(args.log);
  const commit = commitOfCode();
  const others = log.commitsOtherThan(commit, chunks);
  if (others.length > 0 && !args.acrossCommits) {
    console.error(
      `${args.log} has parts of this campaign that ran on other code: ${others.join(', ')} (this is ${commit}). Give another file; or --across-commits, and they count.`,
    );
    return 3;
  }
  // Whoever runs many campaigns has it made once for all of them.
  const { MQ_CAMPAIGN_PROGRAM: shared } = process.env;
  const program = shared ?? (await bundleProcess(undefined, { judgesEarly: judgesEarly(args.campaign) }));
  const verdicts: Verdict[] = [];
  try {
    for (const id of chunks) verdicts.push(await chunkOf(id, args, { log, commit, program }));
  } finally {
    if (!shared) rmSync(dirname(program), { recursive: true, force: true });
  }
  console.log(`\n${summary(verdicts)}; on ${[...new Set([...others, commit])].join(', ')}`);
  return statusOf(verdicts);
}

async function chunkOf(
  id: ChunkId,
  { campaign, url }: Arguments,
  { log, commit, program }: { log: Log; commit: string; program: string },
): Promise<Verdict> {
  const known = log.find(id);
  if (known) {
    console.log(`${id.campaign} ${seedOf(id)}: ${known.verdict}, on ${known.commit} at ${known.at}`);
    return known.verdict;
  }
  const { shape, size } = id;
  const began = performance.now();
  const outcome = await runChunk({
    campaign,
    url,
    shape,
    seed: seedOf(id),
    size,
    variant: id.variant,
    perTransaction: id.perTransaction,
    program,
  });
  const verdict = verdictOf(outcome, variantNamed(id.variant));
  log.add(id, verdict, outcome, commit);
  console.log(lineOf(id, verdict, outcome, performance.now() - began));
  for (const line of describe(outcome.findings, id.variant ? 2 : 10)) console.log(line);
  return verdict;
}

function statusOf(verdicts: readonly Verdict[]): number {
  const statuses = verdicts.map((verdict) => STATUS[verdict]);
  return statuses.includes(1) ? 1 : Math.max(...statuses);
}

function summary(verdicts: readonly Verdict[]): string {
  const counts = new Map<Verdict, number>();
  for (const verdict of verdicts) counts.set(verdict, (counts.get(verdict) ?? 0) + 1);
  return [...counts].map(([verdict, count]) => `${count} ${verdict}`).join(', ');
}
