import { randomBytes } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { describeError } from '../errors/index.js';
import type { IdempotentMqEvents } from '../events/index.js';
import type { IdempotentMqOperations } from '../operate/index.js';
import { actionsOf } from './actions.js';
import { ASSETS } from './assets.generated.js';
import type { ResolvedDashboardOptions } from './dashboard.options.js';
import { DeadLettersView } from './dead-letters.js';
import { answer, answerJson, answerPage } from './http/answer.js';
import { CsrfTokens } from './http/csrf-tokens.js';
import { type AnyRequest, type AnyResponse, pathOf, queryOf, responseOf } from './http/exchange.js';
import { isFromOwnPage } from './http/own-page.js';
import { DashboardProblem, refusalOf } from './http/problem.js';
import { readRequest } from './http/read-request.js';
import { LiveClients } from './live/live-clients.js';
import { Ticker } from './live/ticker.js';
import { OverviewSource } from './overview.js';
import { QuarantineView } from './quarantine.js';
import { Redacting } from './redact.js';
import { tellStory } from './story.js';
import type { Reads } from './wire.js';

const HEARTBEAT_MS = 15_000;
/** Guards look at who watches this often, at least. */
const LIFETIME_MS = 5 * 60_000;

type Query = Record<string, string>;
type Exchange = { request: AnyRequest; response: AnyResponse };

/** What is behind the routes. Each request has passed the guards. */
export class Dashboard {
  private readonly logger = new Logger('IdempotentMqDashboard');
  private readonly tokens: CsrfTokens;
  private readonly overview: OverviewSource;
  private readonly clients: LiveClients;
  private readonly ticker: Ticker;
  private isAway = false;
  private readonly reads: Map<string, (query: Query, exchange: Exchange) => Promise<object> | object>;
  private readonly actions: Map<string, (given: Record<string, unknown>) => Promise<object>>;

  constructor(
    operations: IdempotentMqOperations,
    events: IdempotentMqEvents,
    private readonly options: ResolvedDashboardOptions,
  ) {
    const redacting = new Redacting(options.redact, (message) => this.logger.error(message));
    const deadLetters = new DeadLettersView(operations.deadLetters, redacting);
    const quarantine = new QuarantineView(operations.quarantine, redacting);
    this.tokens = new CsrfTokens(options.secret);
    this.overview = new OverviewSource(() => operations.status(), events, redacting);
    this.ticker = new Ticker(options.intervalMs, () => this.tick());
    this.clients = new LiveClients(
      { max: options.watchers, heartbeatMs: HEARTBEAT_MS, lifetimeMs: LIFETIME_MS },
      (some) => (some ? this.ticker.start() : this.ticker.stop()),
    );
    const reads = {
      session: (_, { request, response }) => ({
        token: this.tokens.issue(request, responseOf(response)),
        title: options.title,
        readOnly: options.readOnly,
      }),
      overview: () => this.overview.look(),
      'dead-letters': (query) => deadLetters.page(query),
      'dead-letter': ({ id }) => deadLetters.one(id as string),
      quarantine: (query) => quarantine.page(query),
      quarantined: ({ id }) => quarantine.one(id as string),
      story: async ({ topic = '', bizId = '' }) => tellStory(await operations.find(topic, bizId), redacting),
    } satisfies {
      [Name in keyof Reads]: (
        query: Partial<Query>,
        exchange: Exchange,
      ) => Promise<Reads[Name]['answer']> | Reads[Name]['answer'];
    };
    this.reads = new Map(Object.entries(reads));
    this.actions = new Map(Object.entries(actionsOf(operations.groups, deadLetters, quarantine)));
  }

  page({ request, response }: Exchange): void {
    // Found from where the page is, whatever a global prefix or a proxy has put before it.
    const path = pathOf(request);
    const base = path.endsWith('/') ? './' : `./${path.slice(path.lastIndexOf('/') + 1)}/`;
    const nonce = randomBytes(18).toString('base64url');
    const html = ASSETS['page.html']
      .replaceAll('{{base}}', escape(base))
      .replaceAll('{{nonce}}', nonce)
      .replaceAll('{{title}}', escape(this.options.title));
    answerPage(responseOf(response), html, nonce);
  }

  asset(name: string, { response }: Exchange): void {
    const raw = responseOf(response);
    if (name === 'app.js') return answer(raw, 200, 'text/javascript; charset=utf-8', ASSETS[name]);
    if (name === 'style.css') return answer(raw, 200, 'text/css; charset=utf-8', ASSETS[name]);
    answerJson(raw, 404, { error: { code: 'NOT_FOUND', message: 'There is no such file.' } });
  }

  async read(name: string, exchange: Exchange): Promise<void> {
    await this.answering(exchange, async () => {
      if (isFromOwnPage(exchange.request.headers, this.options.origins) === false) throw notFromHere();
      const read = this.reads.get(name);
      if (!read) throw new DashboardProblem(404, 'NOT_FOUND', 'There is nothing of that name.');
      return read(queryOf(exchange.request), exchange);
    });
  }

  live({ request, response }: Exchange): void {
    const raw = responseOf(response);
    const refused =
      isFromOwnPage(request.headers, this.options.origins) === false
        ? notFromHere()
        : this.clients.isFull && new DashboardProblem(503, 'FULL', 'As many watch as may.');
    if (!refused) return this.clients.admit(raw);
    const { status, refusal } = refusalOf(refused);
    answerJson(raw, status, refusal);
  }

  /** Nothing is done before it is shown that this very page asks for it. */
  async act(name: string, exchange: Exchange): Promise<void> {
    await this.answering(exchange, async () => {
      const { request } = exchange;
      if (!isFromOwnPage(request.headers, this.options.origins)) throw notFromHere();
      if (this.options.readOnly) throw new DashboardProblem(403, 'READ_ONLY', 'This dashboard only shows.');
      if (!this.tokens.holds(request)) {
        throw new DashboardProblem(403, 'TOKEN_INVALID', 'The page is too old: load it again.');
      }
      const action = this.actions.get(name);
      if (!action) throw new DashboardProblem(404, 'NOT_FOUND', 'There is no such action.');
      const given = await readRequest(request);
      const what = `${name} ${short(JSON.stringify(given))}`;
      const outcome = await action(given).catch((error: unknown) => {
        // Of many, some may be done.
        this.logger.warn(`${what}: ${describeError(error)}`);
        throw error;
      });
      this.logger.log(`${what}: ${JSON.stringify(outcome)}`);
      return outcome;
    });
  }

  /** Before the app's HTTP server closes, which waits for who watches. */
  close(): void {
    this.clients.close();
    this.ticker.stop();
    this.overview.close();
  }

  private async tick(): Promise<void> {
    try {
      this.clients.tell('overview', await this.overview.look());
      this.isAway = false;
    } catch (error) {
      // Once, and not every two seconds.
      if (!this.isAway) this.logger.warn(`The broker can't be looked at: ${describeError(error)}`);
      this.isAway = true;
      this.clients.tell('trouble', refusalOf(error).refusal);
    }
  }

  private async answering({ response }: Exchange, work: () => Promise<object> | object): Promise<void> {
    const raw = responseOf(response);
    try {
      answerJson(raw, 200, await work());
    } catch (error) {
      const { status, refusal, isFault } = refusalOf(error);
      if (isFault) this.logger.error(describeError(error));
      answerJson(raw, status, refusal);
    }
  }
}

function notFromHere(): DashboardProblem {
  return new DashboardProblem(
    403,
    'OTHER_SITE',
    'Asked for by another site, or by no browser: nothing was done.',
  );
}

function short(text: string): string {
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}

const ESCAPES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ESCAPES[character]!);
}
