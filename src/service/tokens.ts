import { createHash, timingSafeEqual } from 'node:crypto';
import { InvalidOptionError } from '../errors/index.js';
import { NAME_RULE, isName } from '../topic/index.js';
import { Problem } from '../wire/index.js';

/** Who may do what. At least one of `publish`, `consume` and `administer`. */
export interface BrokerToken {
  /** Whose it is: for messages and the log. */
  name: string;
  /** The secret itself, at least 32 characters; or its SHA-256, so that the secret stands nowhere here. */
  token?: string;
  /** 64 hexadecimal digits: `printf %s "$TOKEN" | sha256sum`. A secret of that form can't be told from a digest. */
  sha256?: string;
  /** The topics to which it may publish, or `all`. */
  publish?: 'all' | readonly string[];
  /**
   * The groups as which it may consume, or `all`. A group by its name alone may consume any topic; `{ group, topics }` no
   * other than these.
   */
  consume?: 'all' | readonly (string | ConsumeScope)[];
  /** Whether it may list, requeue and delete what is dead or quarantined, and pause, limit and remove groups. @default false */
  administer?: boolean;
}

/** A group, and the topics that it may consume. */
export interface ConsumeScope {
  group: string;
  topics: readonly string[];
}

/** What the bearer of a token may do. */
export interface Caller {
  readonly name: string;
  mayPublish(topic: string): boolean;
  readonly publishes: boolean;
  mayConsume(group: string, topic: string): boolean;
  readonly administers: boolean;
}

interface KnownToken extends Caller {
  readonly digest: Buffer;
}

const LEAST_CHARACTERS = 32;
const KEYS = ['name', 'token', 'sha256', 'publish', 'consume', 'administer'];

/** Where there are no tokens. */
const ANYBODY: Caller = {
  name: 'this machine',
  mayPublish: () => true,
  publishes: true,
  mayConsume: () => true,
  administers: true,
};

/** The tokens of a service. Compared by their digests, in constant time: neither a length nor a prefix shows. */
export class Tokens {
  private readonly known: readonly KnownToken[];

  /** @throws InvalidOptionError naming the token's option and what came */
  constructor(tokens: readonly BrokerToken[]) {
    const given: unknown = tokens;
    if (!Array.isArray(given)) throw new InvalidOptionError('tokens', secretly(given), "an array, or 'none'");
    this.known = tokens.map((token, i) => resolveToken(`tokens[${i}]`, token));
    const digests = new Set(this.known.map(({ digest }) => digest.toString('hex')));
    if (digests.size < this.known.length) {
      throw new InvalidOptionError('tokens', '***', 'secrets that differ: two of them are the same');
    }
  }

  get areNeeded(): boolean {
    return this.known.length > 0;
  }

  /** @throws Problem TOKEN_MISSING, TOKEN_UNKNOWN */
  callerOf(authorization: string | undefined): Caller {
    if (!this.areNeeded) return ANYBODY;
    const [, secret] = /^bearer +(\S+) *$/i.exec(authorization ?? '') ?? [];
    if (secret === undefined) {
      throw new Problem('TOKEN_MISSING', 'The header authorization must be: Bearer, a space and the token.');
    }
    const digest = digestOf(secret);
    let caller: KnownToken | undefined;
    // All of them, whichever it is.
    for (const token of this.known) if (timingSafeEqual(token.digest, digest)) caller = token;
    if (!caller) throw new Problem('TOKEN_UNKNOWN', 'The token is none that this service knows.');
    return caller;
  }
}

function resolveToken(option: string, given: BrokerToken): KnownToken {
  if (typeof given !== 'object' || given === null)
    throw new InvalidOptionError(option, secretly(given), 'an object');
  const stray = Object.keys(given).find((key) => !KEYS.includes(key));
  if (stray !== undefined) {
    throw new InvalidOptionError(`${option}.${stray}`, '***', `left out. Known are ${KEYS.join(', ')}`);
  }
  const { name, token, sha256, publish, consume, administer = false } = given;
  if (!isName(name)) throw new InvalidOptionError(`${option}.name`, name, NAME_RULE);
  if ((token === undefined) === (sha256 === undefined)) {
    throw new InvalidOptionError(option, '***', 'an object with either token or sha256');
  }
  if (
    token !== undefined &&
    (typeof token !== 'string' || !/^\S+$/.test(token) || token.length < LEAST_CHARACTERS)
  ) {
    const expected = `at least ${LEAST_CHARACTERS} characters without spaces (openssl rand -hex 32)`;
    throw new InvalidOptionError(`${option}.token`, '***', expected);
  }
  if (sha256 !== undefined && !/^[0-9a-f]{64}$/i.test(String(sha256))) {
    const expected = '64 hexadecimal digits: the SHA-256 of the secret, not the secret itself';
    throw new InvalidOptionError(`${option}.sha256`, '***', expected);
  }
  const mayPublish = scopeOf(`${option}.publish`, publish);
  const mayConsume = consumeScopeOf(`${option}.consume`, consume);
  if (typeof administer !== 'boolean')
    throw new InvalidOptionError(`${option}.administer`, administer, 'a boolean');
  if (!mayPublish && !mayConsume && !administer) {
    throw new InvalidOptionError(option, '***', 'for something: give it publish, consume or administer');
  }
  return {
    name,
    digest: token === undefined ? Buffer.from(sha256!, 'hex') : digestOf(token),
    mayPublish: mayPublish ?? (() => false),
    publishes: mayPublish !== undefined,
    mayConsume: mayConsume ?? (() => false),
    administers: administer,
  };
}

/** A secret that came where it doesn't belong is not shown either. */
function secretly(given: unknown): unknown {
  return typeof given === 'string' ? '***' : given;
}

function consumeScopeOf(
  option: string,
  given: BrokerToken['consume'],
): ((group: string, topic: string) => boolean) | undefined {
  if (!Array.isArray(given)) return scopeOf(option, given);
  const scopes = given.map((one: string | ConsumeScope, i) => {
    if (typeof one !== 'object' || one === null) return { group: one, mayConsume: () => true };
    const stray = Object.keys(one).find((key) => key !== 'group' && key !== 'topics');
    if (stray !== undefined) {
      throw new InvalidOptionError(`${option}[${i}].${stray}`, '***', 'left out. Known are group, topics');
    }
    const mayConsume = scopeOf(`${option}[${i}].topics`, one.topics);
    if (!mayConsume) throw new InvalidOptionError(`${option}[${i}].topics`, one.topics, 'an array of names');
    return { group: one.group, mayConsume };
  });
  const mayBe = scopeOf(
    option,
    scopes.map(({ group }) => group),
  )!;
  return (group, topic) =>
    mayBe(group) && scopes.some((scope) => scope.group === group && scope.mayConsume(topic));
}

function scopeOf(option: string, given: unknown): ((name: string) => boolean) | undefined {
  if (given === undefined) return undefined;
  if (given === 'all') return () => true;
  if (!Array.isArray(given) || given.length === 0) {
    throw new InvalidOptionError(option, given, "'all', or an array of names");
  }
  given.forEach((name: unknown, i) => {
    if (!isName(name))
      throw new InvalidOptionError(`${option}[${i}]`, name, `${NAME_RULE}; there are no wildcards`);
  });
  const names = new Set(given as string[]);
  return (name) => names.has(name);
}

function digestOf(secret: string): Buffer {
  return createHash('sha256').update(secret, 'utf8').digest();
}
