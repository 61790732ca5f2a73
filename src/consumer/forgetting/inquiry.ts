import { describeError } from '../../errors/index.js';
import {
  type LibraryConnections,
  type ScenarioRow,
  type ScenarioSource,
  listSources,
  readClock,
} from '../../storage/index.js';
import type { Transport } from '../../transport/port.js';
import { type SourceAnswer, type Watermark, watermarkOf } from './watermark.js';

/** Messages that wait, of one source, which are known by name. Those beyond hold the watermark back. */
export const KNOWN_BY_NAME = 1_000;

/** Everything that one pass over a scenario goes by. */
export interface Inquiry {
  readonly scenario: ScenarioRow;
  /** The own database's clock before anybody was asked, in microseconds since 1970 UTC. */
  readonly askedAt: number;
  readonly sources: readonly (SourceAnswer & { source: ScenarioSource })[];
  readonly watermark: Watermark;
}

/** Nobody can say what may still come: nothing of the scenario is forgotten. */
export interface Unanswered {
  readonly scenario: ScenarioRow;
  readonly reason: HoldReason;
  readonly error: string;
}

export type HoldReason = 'no-answer' | 'other-broker' | 'unknown-scenario' | 'clock-jumped';

/** Asks every source of a scenario what can still come. */
export async function inquire(
  { connections, transport }: { connections: LibraryConnections; transport: Pick<Transport, 'unfinished'> },
  scenario: ScenarioRow,
  slackMs: number,
): Promise<Inquiry | Unanswered> {
  const { database } = connections;
  const held = (reason: HoldReason, error: string): Unanswered => ({ scenario, reason, error });
  const askedAt = await connections.control((on) => readClock(database, on));
  if (scenario.kind === 'executor') {
    // As with consumers': one that comes to share the scenario finds its backlog of a day not too old.
    return {
      scenario,
      askedAt,
      sources: [],
      watermark: { at: askedAt - slackMs * 1000, heldBackBy: undefined },
    };
  }
  const known = await connections.control((on) => listSources(database, on, scenario.id));
  if (scenario.kind === 'unknown' || known.length === 0) {
    return held(
      'unknown-scenario',
      'neither a consumer nor IdempotentExecutor has said that it is theirs, so nobody knows what may still come',
    );
  }
  const sources: (SourceAnswer & { source: ScenarioSource })[] = [];
  for (const source of known) {
    const { subscriptionId: id, topic, group } = source;
    let answer: SourceAnswer['answer'];
    try {
      answer = await transport.unfinished({ id, topic, group }, { slackMs, limit: KNOWN_BY_NAME });
    } catch (error) {
      return held('no-answer', `the broker does not say what may still come: ${describeError(error)}`);
    }
    if (!answer.broker.equals(source.broker)) {
      return held(
        'other-broker',
        `group ${group} of ${topic} has it from another broker (${source.broker.toString('hex')}) than this process's own (${answer.broker.toString('hex')}), which can't be asked from here`,
      );
    }
    if (source.mark !== undefined && source.mark > answer.now) {
      return held(
        'clock-jumped',
        "the broker's clock is behind what it showed when rows were last forgotten; docs/operations.md says what to do (a mark in the future)",
      );
    }
    sources.push({ topic, group, answer, source });
  }
  const watermark = watermarkOf(askedAt, slackMs, sources);
  if (watermark.at === 0) {
    return held(
      'clock-jumped',
      "a message that can still come seems to have landed in the future: the broker's clock was ahead, so nobody knows how old it is",
    );
  }
  return { scenario, askedAt, sources, watermark };
}
