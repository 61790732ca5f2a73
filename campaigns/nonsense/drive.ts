import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request as httpRequest } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { PROBLEMS } from '../../src/wire/index.js';
import { Seeded } from '../seeded.js';
import { type Nonsense, nonsense } from './mutate.js';
import type { Health } from './service-process.js';

export interface Findings {
  sent: number;
  /** By code of the answer; `200` where it happened to be a request, `cut` where Node itself had refused it. */
  answers: Record<string, number>;
  /** What must not be: a status of the service's own fault, or no answer of the protocol. */
  wrong: string[];
  /** At the start, in the middle and in the end, each after a full collection. */
  health: Health[];
  /** Of somebody who asks for something sensible meanwhile, in milliseconds. */
  others: { asked: number; p50: number; p99: number; longest: number };
}

const AT_ONCE = 16;
const KEPT = 20;
/** Between two questions of somebody sensible. */
const OTHERS_MS = 20;

/** @param file of the service's process, built */
export async function driveNonsense(
  file: string,
  database: string,
  { seed, size }: { seed: string; size: number },
): Promise<Findings> {
  const child = fork(file, [database], {
    execArgv: ['--expose-gc'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const exited = once(child, 'exit') as Promise<[number | null]>;
  const { url } = await answerOf<{ url: string }>(child);
  const findings: Findings = {
    sent: 0,
    answers: {},
    wrong: [],
    health: [],
    others: { asked: 0, p50: 0, p99: 0, longest: 0 },
  };
  const random = new Seeded(seed);
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
  const took: number[] = [];
  const ended = new AbortController();
  const others = beSensible(url, took, ended.signal);
  const lookAfter = [0, Math.floor(size / 2)];
  const worker = async () => {
    while (findings.sent < size) {
      if (lookAfter[0] === findings.sent) {
        lookAfter.shift();
        findings.health.push(await healthOf(child));
      }
      findings.sent++;
      note(findings, await send(url, agent, nonsense(random)));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  ended.abort();
  await others;
  findings.health.push(await healthOf(child));
  agent.destroy();
  child.send('stop');
  const [code] = await exited;
  if (code !== 0) findings.wrong.push(`the service ended with ${code}`);
  took.sort((a, b) => a - b);
  const at = (part: number) => took[Math.min(took.length - 1, Math.floor(part * took.length))] ?? 0;
  findings.others = { asked: took.length, p50: at(0.5), p99: at(0.99), longest: at(1) };
  return findings;
}

async function beSensible(url: string, took: number[], signal: AbortSignal): Promise<void> {
  const agent = new Agent({ keepAlive: true });
  const request: Nonsense = {
    path: '/v1/identify',
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: Buffer.from('{}'),
  };
  while (!signal.aborted) {
    const began = performance.now();
    const { status } = await send(url, agent, request);
    if (status !== 200) throw new Error(`Somebody sensible was answered with ${status}.`);
    took.push(performance.now() - began);
    await pause(OTHERS_MS);
  }
  agent.destroy();
}

interface Answer {
  status: number;
  text: string;
}

/** Status 0: the connection was closed, as the service may do with what it does not read. */
function send(url: string, agent: Agent, { path, method, headers, body }: Nonsense): Promise<Answer> {
  return new Promise((resolve) => {
    const request = httpRequest(`${url}${path}`, { method, headers, agent }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('close', () => resolve({ status: response.statusCode ?? 0, text }));
      response.on('error', () => undefined);
    });
    request.on('error', () => resolve({ status: 0, text: '' }));
    request.end(method === 'GET' ? undefined : body);
  });
}

function note(findings: Findings, { status, text }: Answer): void {
  const code = status === 200 ? '200' : status === 0 || status === 431 ? 'cut' : codeIn(text);
  findings.answers[code ?? 'none'] = (findings.answers[code ?? 'none'] ?? 0) + 1;
  const isKnown = code === '200' || code === 'cut' || (code !== undefined && Object.hasOwn(PROBLEMS, code));
  if ((isKnown && code !== 'INTERNAL') || findings.wrong.length >= KEPT) return;
  findings.wrong.push(`${status} ${text.slice(0, 200)}`);
}

function codeIn(text: string): string | undefined {
  try {
    return (JSON.parse(text) as { error: { code: string } }).error.code;
  } catch {
    return undefined;
  }
}

async function healthOf(child: ChildProcess): Promise<Health> {
  child.send('health');
  return answerOf<Health>(child);
}

async function answerOf<T>(child: ChildProcess): Promise<T> {
  const [message] = (await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(() => {
      throw new Error('The service has died.');
    }),
  ])) as [T];
  return message;
}
