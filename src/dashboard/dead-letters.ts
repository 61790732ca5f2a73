import type { DeadLetter, DeadLetterFilter, DeadLetters } from '../broker/index.js';
import { DashboardProblem } from './http/problem.js';
import { type Redacting, about } from './redact.js';
import type { DeadLetterDetail, DeadLetterLine, DeadLetterPage, DeadLetterQuery } from './wire.js';

export const PAGE = 50;
/** As many as a page can mark. */
const MOST_IDS = 1_000;

/** Dead letters as the page has them: page by page, so that 100,000 of them are no more work than 50. */
export class DeadLettersView {
  constructor(
    private readonly deadLetters: Pick<DeadLetters, 'list' | 'get' | 'requeue' | 'purge'>,
    private readonly redacting: Redacting,
  ) {}

  async page({ after, ...query }: DeadLetterQuery & { after?: string | undefined }): Promise<DeadLetterPage> {
    const found = await this.deadLetters.list({ ...filterOf(query), limit: PAGE + 1, after });
    const letters = found.slice(0, PAGE).map((letter) => this.line(letter));
    return { letters, next: found.length > PAGE ? letters.at(-1)!.position : undefined };
  }

  async one(id: string): Promise<DeadLetterDetail> {
    const letter = await this.deadLetters.get(id);
    if (!letter) throw new DashboardProblem(404, 'GONE', 'It is no dead letter (any more).');
    return {
      ...this.line(letter),
      errors: letter.errors.map(({ at, error }) => ({
        at,
        error: this.redacting.error(error, about(letter)),
      })),
      body: this.redacting.body(letter.body, about(letter)),
    };
  }

  async requeue(choice: Record<string, unknown>): Promise<{ count: number }> {
    return { count: await this.deadLetters.requeue(chosen(choice)) };
  }

  async discard(choice: Record<string, unknown>): Promise<{ count: number }> {
    return { count: await this.deadLetters.purge(chosen(choice)) };
  }

  private line(letter: DeadLetter): DeadLetterLine {
    const { id, position, topic, group, bizId, orderingKey, reason, failures, lostLeases } = letter;
    const last = letter.errors.at(-1);
    return {
      ...{ id, position, topic, group, bizId, orderingKey, reason, failures, lostLeases },
      deadAt: letter.deadAt.toISOString(),
      landedAt: letter.landedAt.toISOString(),
      error: last && firstLine(this.redacting.error(last.error, about(letter))),
    };
  }
}

/** Of what comes from afar, only what is known. The broker checks what it says. */
function filterOf({ topic, group, reason, bizId }: DeadLetterQuery): DeadLetterFilter {
  return { topic, group, reason, bizId } as DeadLetterFilter;
}

function chosen({ ids, all, deadUntil }: Record<string, unknown>): string[] | DeadLetterFilter {
  if (Array.isArray(ids) && ids.length > 0 && ids.length <= MOST_IDS) return ids as string[];
  const filter = filterOf(all ?? {});
  // What has died since the page was read was not seen by who decides, and nobody means all that there are.
  const isMeant = Object.values(filter).some((value) => value !== undefined);
  if (isMeant && typeof deadUntil === 'string') return { ...filter, deadUntil: new Date(deadUntil) };
  throw new DashboardProblem(
    400,
    'BAD_REQUEST',
    `Dead letters are chosen by 1 to ${MOST_IDS} ids, or by a filter and deadUntil.`,
  );
}

function firstLine(text: string): string {
  const [line] = text.split('\n', 1) as [string];
  return line.length > 300 ? `${line.slice(0, 300)}…` : line;
}
