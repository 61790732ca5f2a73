import type { IncomingMessage, ServerResponse } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describeError } from '../errors/index.js';
import type { Dialect } from '../storage/index.js';
import { Problem, SCHEMAS, isOperationName, readJson } from '../wire/index.js';
import { checkLoopback } from './loopback.js';
import type { Operations } from './operations.js';
import { problemOf } from './problem-of.js';
import { type BodyLimits, readBody } from './read-body.js';
import { ReadyProbe } from './ready-probe.js';
import type { Tokens } from './tokens.js';

export interface EndpointDeps {
  operations: Operations;
  tokens: Tokens;
  body: BodyLimits;
  /** Requests that are worked on at once; more are told to come again. Those that wait are not counted meanwhile. */
  maxRequests: number;
  /** Whether the database answers, for a load balancer. */
  isReady: () => Promise<boolean>;
  /** Which of the database's errors pass. */
  dialect: Dialect;
  /** The OpenAPI document. */
  describe: () => unknown;
  onFault: (message: string) => void;
}

const VERSION = '/v1/';
/** After an answer before the end of the request: so long the caller may go on sending, and read it then. Milliseconds. */
const LINGER_MS = 2_000;

/**
 * The broker's operations over HTTP. Nothing is read of a request before it is known who asks, and how much it may be;
 * nothing that anybody sends ends in anything but an answer with a stable code.
 */
export class HttpEndpoint {
  private readonly underWay = new Set<Promise<void>>();
  /** One for each operation, and gone with it: Node 20 keeps for ever what AbortSignal.any() makes of a signal that lives. */
  private readonly callers = new Set<AbortController>();
  private readonly probe: ReadyProbe;
  private stopped = false;
  private working = 0;

  constructor(private readonly deps: EndpointDeps) {
    this.probe = new ReadyProbe(deps.isReady);
  }

  /** @param path of the request, without what the service is mounted under */
  handle(request: IncomingMessage, response: ServerResponse, path: string): void {
    // A connection that breaks is no event of the process.
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    const answering = this.answer(request, response, path).catch((error: unknown) => {
      this.deps.onFault(`A request could not be answered: ${describeError(error)}`);
      response.destroy();
    });
    this.underWay.add(answering);
    void answering.finally(() => this.underWay.delete(answering));
  }

  /** Answers whoever waits, and takes nothing more; resolves when all that was under way has been answered. */
  async stop(): Promise<void> {
    this.stopped = true;
    for (const caller of this.callers) caller.abort();
    await Promise.allSettled(this.underWay);
  }

  private async answer(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
    let status = 200;
    let bytes: Buffer;
    try {
      bytes = toBytes(await this.resultOf(request, response, path));
    } catch (error) {
      const problem = problemOf(error, this.deps.dialect);
      if (problem.code === 'INTERNAL') {
        this.deps.onFault(`${request.method} ${path} failed: ${describeError(error)}`);
      }
      status = problem.status;
      if (status === 401) {
        response.setHeader('www-authenticate', 'Bearer');
        // Who has no token has no place among the connections either.
        response.setHeader('connection', 'close');
      }
      if (status === 503) response.setHeader('retry-after', '1');
      bytes = toBytes({ error: { code: problem.code, message: problem.message } });
      // What came with the headers is parsed by then, and the connection can be kept.
      await nextTurn();
    }
    if (response.destroyed) return;
    if (!request.complete) response.setHeader('connection', 'close');
    response.writeHead(status, {
      'content-type': 'application/json; charset=utf-8',
      'content-length': bytes.length,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    });
    if (request.complete) response.end(bytes);
    else endAfterwards(request, response, bytes);
  }

  private async resultOf(request: IncomingMessage, response: ServerResponse, path: string): Promise<unknown> {
    const { deps } = this;
    if (path === '/v1/health') return this.health(request);
    if (!deps.tokens.areNeeded) checkLoopback(request);
    const caller = deps.tokens.callerOf(request.headers.authorization);
    if (path === '/v1/openapi.json') {
      mustBe('GET', request);
      return deps.describe();
    }
    const name = path.startsWith(VERSION) ? path.slice(VERSION.length) : '';
    if (!isOperationName(name)) {
      throw new Problem('UNKNOWN_OPERATION', 'There is no such operation: see docs/protocol.md.');
    }
    mustBe('POST', request);
    this.refuseWhenFull();
    const gone = new AbortController();
    response.on('close', () => gone.abort());
    this.callers.add(gone);
    this.working++;
    try {
      const given = readJson(SCHEMAS[name].request, await readBody(request, deps.body));
      const operation = deps.operations[name] as (given: unknown, context: object) => Promise<unknown>;
      return await operation(given, {
        caller,
        signal: gone.signal,
        waiting: (wait: () => Promise<unknown>) => this.notCounted(wait),
      });
    } finally {
      this.callers.delete(gone);
      this.working--;
    }
  }

  private async health(request: IncomingMessage): Promise<{ status: 'ok' }> {
    mustBe('GET', request);
    if (!this.stopped && (await this.probe.isReady())) return { status: 'ok' };
    throw new Problem('UNAVAILABLE', 'The service is stopping, or its database does not answer.');
  }

  /** Who waits for others' work uses nothing meanwhile. Then it goes on, however many are at work. */
  private async notCounted<T>(wait: () => Promise<T>): Promise<T> {
    this.working--;
    try {
      return await wait();
    } finally {
      this.working++;
    }
  }

  private refuseWhenFull(): void {
    if (this.stopped) throw new Problem('UNAVAILABLE', 'The service is stopping.');
    if (this.working < this.deps.maxRequests) return;
    throw new Problem('UNAVAILABLE', `The service is at work on ${this.working} requests already.`);
  }
}

function toBytes(body: unknown): Buffer {
  return Buffer.from(JSON.stringify(body), 'utf8');
}

function mustBe(method: 'GET' | 'POST', request: IncomingMessage): void {
  if (request.method !== method) {
    throw new Problem('METHOD_NOT_ALLOWED', `This takes ${method} (got ${request.method ?? 'none'}).`);
  }
}

/**
 * The rest of the request is thrown away for a moment, before the answer is ended: Node destroys the connection with that,
 * and what is still on its way to it would have the caller's system throw away the answer.
 */
function endAfterwards(request: IncomingMessage, response: ServerResponse, bytes: Buffer): void {
  response.write(bytes);
  const late = setTimeout(() => response.end(), LINGER_MS).unref();
  request.once('close', () => {
    clearTimeout(late);
    response.end();
  });
  request.resume();
}
