import {
  Agent as HttpAgent,
  type IncomingMessage,
  type RequestOptions,
  request as httpRequest,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import {
  AckTimeoutError,
  BrokerRefusedError,
  BrokerUnreachableError,
  SubscriptionRemovedError,
} from '../../errors/index.js';
import {
  type AnswerOf,
  type OperationName,
  type ProblemCode,
  type RequestOf,
  SCHEMAS,
  isProblemCode,
  readJson,
} from '../../wire/index.js';

export interface HttpRequestsOptions {
  /** Where the service is: `https://broker.internal/idempotent-mq`. */
  url: string;
  token?: string | undefined;
  /** Longest that an answer may take, in milliseconds. */
  timeoutMs: number;
}

/** Connections that are kept at once: workers, the relay, renewals and the bell each may have one under way. */
const MAX_SOCKETS = 64;
/** Shorter than the service keeps them. Milliseconds. */
const IDLE_SOCKET_MS = 30_000;
/** The answer to a claim has as many messages as its limit says. */
const MAX_ANSWER_BYTES = 512 * 1024 * 1024;

/** What the service can't know: the names that its client's options have. */
const REMEDIES: Partial<Record<ProblemCode, string>> = {
  TOKEN_MISSING: 'Set the option broker.token.',
  TOKEN_UNKNOWN:
    'Is the option broker.token the secret of one of its tokens, and not its digest or its name?',
  UNKNOWN_OPERATION:
    'Is the option broker.url right, with its path, and the service not older than this package?',
};

interface Answer {
  status: number;
  body: Buffer;
}

interface Wait {
  /** How long an answer may take, in milliseconds, where it is not the usual time. */
  within?: number;
  signal?: AbortSignal;
}

/** Asks the broker service for one operation, on connections that are kept. */
export class HttpRequests {
  private readonly base: URL;
  private readonly agent: HttpAgent;
  private readonly request: typeof httpRequest;
  /** Called with each answer, whatever it says: the broker is there. */
  onAnswer: (() => void) | undefined;

  constructor(private readonly options: HttpRequestsOptions) {
    this.base = new URL(options.url);
    const agentOptions = { keepAlive: true, maxSockets: MAX_SOCKETS, timeout: IDLE_SOCKET_MS };
    const isSecure = this.base.protocol === 'https:';
    this.agent = isSecure ? new HttpsAgent(agentOptions) : new HttpAgent(agentOptions);
    this.request = isSecure ? httpsRequest : httpRequest;
  }

  /** For messages: never with a token, or a password. */
  get name(): string {
    return `${this.base.origin}${this.base.pathname.replace(/\/$/, '')}`;
  }

  /**
   * @throws BrokerUnreachableError, AckTimeoutError where nobody knows whether it was carried out; BrokerRefusedError,
   *   SubscriptionRemovedError where it was not
   */
  async ask<Name extends OperationName>(
    name: Name,
    given: RequestOf<Name>,
    wait: Wait = {},
  ): Promise<AnswerOf<Name>> {
    return (await this.askOnceOrTwice(name, given, wait)).answer;
  }

  /** As `ask`, and whether a connection broke over it: then it may have been carried out before it was asked for again. */
  async askOnceOrTwice<Name extends OperationName>(
    name: Name,
    given: RequestOf<Name>,
    { within = this.options.timeoutMs, signal }: Wait = {},
  ): Promise<{ answer: AnswerOf<Name>; twice: boolean }> {
    const bytes = Buffer.from(JSON.stringify(given), 'utf8');
    const { twice, ...answer } = await this.send(name, bytes, { within, signal });
    if (answer.status !== 200) throw this.refusal(name, answer);
    try {
      return { answer: readJson(SCHEMAS[name].answer, answer.body), twice };
    } catch (cause) {
      throw this.notUnderstood(name, answer, cause);
    }
  }

  close(): void {
    this.agent.destroy();
  }

  private async send(
    name: OperationName,
    body: Buffer,
    wait: { within: number; signal: AbortSignal | undefined },
  ): Promise<Answer & { twice: boolean }> {
    for (let tries = 1; ; tries++) {
      const sent = { reused: false };
      try {
        return { ...(await this.sendOnce(name, body, wait, sent)), twice: tries > 1 };
      } catch (error) {
        if (error instanceof AckTimeoutError || wait.signal?.aborted) throw error;
        // A connection that was kept may have been closed at the same moment. Every operation may be asked for again.
        if (tries === 1 && sent.reused) continue;
        throw new BrokerUnreachableError(this.name, { cause: explained(error) }, 'The broker');
      }
    }
  }

  private sendOnce(
    name: OperationName,
    body: Buffer,
    { within, signal }: { within: number; signal: AbortSignal | undefined },
    sent: { reused: boolean },
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const outgoing = this.request(this.requestOptions(name, body.length, signal), (incoming) => {
        // It has begun to answer: however long the answer is, only silence is late.
        incoming.on('data', () => timer.refresh());
        collect(incoming).then((bytes) => {
          this.onAnswer?.();
          resolve({ status: incoming.statusCode ?? 0, body: bytes });
        }, reject);
      });
      const timer = setTimeout(() => {
        const late = new AckTimeoutError(
          `The broker (${this.name}) has not answered ${name} within ${within} ms.`,
        );
        // One that still waits for a connection would say so only when it has got one.
        reject(late);
        outgoing.destroy(late);
      }, within);
      outgoing.on('error', (error) => {
        sent.reused = outgoing.reusedSocket;
        reject(error);
      });
      outgoing.on('close', () => clearTimeout(timer));
      outgoing.end(body);
    });
  }

  private requestOptions(
    name: OperationName,
    length: number,
    signal: AbortSignal | undefined,
  ): RequestOptions {
    const { token } = this.options;
    const { protocol, hostname, port, pathname } = this.base;
    return {
      protocol,
      hostname: hostname.replace(/^\[(.*)\]$/, '$1'),
      port,
      path: `${pathname.replace(/\/$/, '')}/v1/${name}`,
      method: 'POST',
      agent: this.agent,
      headers: {
        'content-type': 'application/json',
        'content-length': length,
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      },
      ...(signal && { signal }),
    };
  }

  private refusal(name: OperationName, answer: Answer): Error {
    const { code, message } = problemIn(answer.body);
    if (code === 'SUBSCRIPTION_REMOVED') return new SubscriptionRemovedError(message);
    if (!isProblemCode(code)) return this.notUnderstood(name, answer);
    // A proxy in front says the same by its status alone.
    if (code === 'UNAVAILABLE') {
      return new BrokerUnreachableError(this.name, { cause: new Error(message) }, 'The broker');
    }
    const remedy = REMEDIES[code];
    return new BrokerRefusedError(
      `The broker (${this.name}) refused ${name}: ${message} (${code})${remedy === undefined ? '' : ` ${remedy}`}`,
      code,
    );
  }

  private notUnderstood(name: OperationName, { status, body }: Answer, cause?: unknown): Error {
    const is5xx = status >= 500;
    const begins = JSON.stringify(body.toString('utf8', 0, 80));
    const error = new Error(`it answered ${name} with status ${status} and ${begins}`, { cause });
    if (is5xx) return new BrokerUnreachableError(this.name, { cause: error }, 'The broker');
    return new BrokerRefusedError(
      `The broker (${this.name}) answered ${name} with status ${status} and what is not of the protocol (${begins}). Is the option broker.url right?`,
      undefined,
      { cause },
    );
  }
}

function explained(error: unknown): unknown {
  if ((error as NodeJS.ErrnoException | null)?.code !== 'EPROTO') return error;
  return new Error('it does not speak TLS there: is the option broker.url to begin with http:// ?', {
    cause: error,
  });
}

function collect(incoming: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    incoming.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes <= MAX_ANSWER_BYTES) return;
      incoming.destroy(new Error(`The answer has more than ${MAX_ANSWER_BYTES} bytes.`));
    });
    incoming.on('error', reject);
    incoming.on('end', () => {
      // One that was cut in the middle ends as well.
      if (incoming.complete) resolve(Buffer.concat(chunks));
    });
    incoming.on('close', () => reject(new Error('The answer was cut off.')));
  });
}

function problemIn(body: Buffer): { code: unknown; message: string } {
  try {
    const { error } = JSON.parse(body.toString('utf8')) as { error?: { code?: unknown; message?: string } };
    return { code: error?.code, message: error?.message ?? '' };
  } catch {
    return { code: undefined, message: '' };
  }
}
