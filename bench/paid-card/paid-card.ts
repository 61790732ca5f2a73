import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeMachine } from './machine.js';
import { NODE, PROGRAMS, buildPrograms } from './programs.js';
import { render, writeReport } from './report/index.js';
import type { ContestantResult, Results } from './results.js';
import { type BenchServer, type ServerKind, startAll } from './servers/index.js';
import { SIZES, type SizeName } from './sizes.js';

/** The work of storage-and-speed: a payment and its message, a dedup row and its card; ours, by hand, and other queues. */

export interface PaidCardOptions {
  size: SizeName;
  /** Instead of the size's own. */
  rounds: number | undefined;
  messages: number | undefined;
  /** Parts of contestants' names; none: all of them. */
  only: string[];
  /** Where results go. */
  out: string | undefined;
  /** Of an earlier run, whose figures and plots are made anew; nothing is measured then. */
  render: string | undefined;
}

/** @returns whether no round was void */
export async function paidCard(options: PaidCardOptions): Promise<boolean> {
  if (options.render !== undefined) {
    await render(options.render);
    return true;
  }
  await buildPrograms();
  const { rounds, messages } = options;
  const size = { ...SIZES[options.size], ...(rounds && { rounds }), ...(messages && { messages }) };
  const { contestants, kinds } = chosen(options.only);
  const began = new Date();
  const machine = describeMachine(execFileSync(NODE, ['--version'], { encoding: 'utf8' }).trim());
  const out = options.out ?? join(PROGRAMS, 'results');
  mkdirSync(out, { recursive: true });
  const { servers, stop } = await startAll(kinds, console.error);
  try {
    const measured = await direct({ servers, size, contestants, root: process.pid });
    const results: Results = {
      began: began.toISOString(),
      tookMinutes: Math.round((Date.now() - began.getTime()) / 6_000) / 10,
      size,
      machine,
      packages: packageVersions(),
      servers: servers.map(({ kind, version, settings }) => ({ kind, version, settings })),
      contestants: measured,
    };
    await writeReport(results, out);
    return measured.every(({ voids }) => voids.length === 0);
  } finally {
    await stop();
  }
}

/** The programs know who there is: names are asked of them, so that the peers' packages are loaded nowhere else. */
function chosen(only: readonly string[]): { contestants: string[]; kinds: ServerKind[] } {
  const told = execFileSync(NODE, [join(PROGRAMS, 'roster.mjs')], { encoding: 'utf8' });
  const all = JSON.parse(told) as { name: string; servers: ServerKind[] }[];
  const wanted = all.filter(({ name }) => only.length === 0 || only.some((part) => name.includes(part)));
  if (wanted.length === 0) throw new Error(`--only names none of ${all.map(({ name }) => name).join(', ')}`);
  return {
    contestants: wanted.map(({ name }) => name),
    kinds: [...new Set(wanted.flatMap(({ servers }) => servers))],
  };
}

interface Directed {
  servers: BenchServer[];
  size: Results['size'];
  contestants: string[];
  root: number;
}

async function direct(order: Directed): Promise<ContestantResult[]> {
  const [orderFile, resultFile] = [join(PROGRAMS, 'order.json'), join(PROGRAMS, 'measured.json')];
  rmSync(resultFile, { force: true });
  // The servers' passwords are in it.
  writeFileSync(orderFile, JSON.stringify({ ...order, resultFile }), { mode: 0o600 });
  try {
    const child = spawn(NODE, [join(PROGRAMS, 'director.mjs'), orderFile], { stdio: 'inherit' });
    const [code] = (await once(child, 'exit')) as [number | null];
    if (code !== 0) throw new Error(`the rounds ended with exit status ${code}`);
    return JSON.parse(readFileSync(resultFile, 'utf8')) as ContestantResult[];
  } finally {
    rmSync(orderFile, { force: true });
  }
}

/** Of what takes part, as it is installed. */
function packageVersions(): Record<string, string> {
  const bench = join(import.meta.dirname, '..');
  const own = readPackage(join(bench, 'package.json')).dependencies ?? {};
  const rooted = ['mysql2', 'typeorm', '@nestjs/core'].map((name) => [
    name,
    readPackage(join(bench, '../node_modules', name, 'package.json')).version,
  ]);
  return {
    'nestjs-idempotent-mq': readPackage(join(bench, '../package.json')).version,
    ...(Object.fromEntries(rooted) as Record<string, string>),
    ...own,
  };
}

function readPackage(file: string): { version: string; dependencies?: Record<string, string> } {
  return JSON.parse(readFileSync(file, 'utf8')) as ReturnType<typeof readPackage>;
}
