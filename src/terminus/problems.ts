import { describeError } from '../errors/index.js';
import type { StatusAnswer } from '../observing/index.js';
import type { Count, Status } from '../operate/index.js';
import { SCHEMA_VERSION } from '../storage/index.js';
import type { LoopStatus } from '../waiting/index.js';
import type { Thresholds } from './thresholds.js';

type OfLoops = Pick<Thresholds, 'loopMs'>;

/** Which loops of this process hang. A restart helps, and nothing else does. */
export function problemsOfHanging(loops: readonly LoopStatus[], { loopMs }: OfLoops): string[] {
  return loops
    .filter(({ sinceTurnMs }) => sinceTurnMs > loopMs)
    .map(
      (loop) =>
        `${nameOf(loop)} has not gone round for ${duration(loop.sinceTurnMs)} (loopMs: ${duration(loopMs)}): it hangs. Restart this process, and look for what keeps its event loop from running.`,
    );
}

/** Which loops of this process go round, and get nothing done. */
export function problemsOfFailing(loops: readonly LoopStatus[], { loopMs }: OfLoops): string[] {
  return loops
    .filter(({ failingMs }) => failingMs > loopMs)
    .map(
      (loop) =>
        `${nameOf(loop)} has failed for ${duration(loop.failingMs)} (loopMs: ${duration(loopMs)}), and keeps trying. Its last error: ${loop.error}`,
    );
}

function nameOf({ kind, topic, group }: LoopStatus): string {
  return kind === 'relay' ? 'The relay' : `The worker of ${group} for ${topic}`;
}

/** What is wrong with everything else, and what to do. */
export function problemsOfStatus({ status, error }: StatusAnswer, thresholds: Thresholds): string[] {
  if (!status) {
    return [
      `The state could not be read: ${describeError(error)} Is the database there, and are the library's tables (npx nestjs-idempotent-mq migrate)?`,
    ];
  }
  return [
    ...schema(status),
    ...broker(status),
    ...outbox(status, thresholds),
    ...backlogs(status, thresholds),
    ...deadLetters(status, thresholds),
    ...quarantine(status, thresholds),
  ];
}

function schema({ schemaVersion, database }: Status): string[] {
  if (schemaVersion === SCHEMA_VERSION) return [];
  return [
    `The tables in ${database} are of version ${schemaVersion}, and this process works with version ${SCHEMA_VERSION}. Run the migrations (npx nestjs-idempotent-mq migrate), or update the package.`,
  ];
}

function broker({ broker: { reachable, name } }: Status): string[] {
  if (reachable) return [];
  return [`The broker (${name}) can't be reached: what is published waits in the outbox until it is there.`];
}

function outbox({ outbox: { oldestMs = 0, waiting } }: Status, { outboxMs }: Thresholds): string[] {
  if (oldestMs <= outboxMs) return [];
  return [
    `The oldest message in the outbox has waited for ${duration(oldestMs)} (outboxMs: ${duration(outboxMs)}; ${told(waiting)} waiting). Does a process with roles.relay run, and does the broker answer it? Its log says what is refused.`,
  ];
}

function backlogs({ groups }: Status, { waitingMs }: Thresholds): string[] {
  return groups
    .filter(({ paused, oldestReadyMs = 0 }) => !paused && oldestReadyMs > waitingMs)
    .map(
      ({ group, topic, oldestReadyMs, ready }) =>
        `The oldest delivery to ${group} of ${topic} has waited for ${duration(oldestReadyMs!)} (waitingMs: ${duration(waitingMs)}; ${told(ready)} waiting). Does a process that consumes the group run, and do its handlers keep up? More processes or a higher concurrency help; a group that nobody has any more is to be removed.`,
    );
}

function deadLetters({ groups, unrouted }: Status, { deadLetters: most }: Thresholds): string[] {
  const all = groups.map(({ deadLetters }) => deadLetters.value).concat(unrouted?.value ?? 0);
  const count = all.reduce((sum, each) => sum + each, 0);
  if (count <= most) return [];
  const whose = groups
    .filter(({ deadLetters }) => deadLetters.value > 0)
    .map(({ group, topic, deadLetters }) => `${told(deadLetters)} of ${group} (${topic})`);
  if (unrouted?.value) whose.push(`${told(unrouted)} without a group`);
  return [
    `Dead letters: ${count} (deadLetters: ${most}), ${whose.join(', ')}. broker.deadLetters lists them with their errors, requeues and purges them.`,
  ];
}

function quarantine({ quarantine: kept }: Status, { quarantine: most }: Thresholds): string[] {
  if (!kept || kept.waiting.value <= most) return [];
  return [
    `Messages in quarantine: ${told(kept.waiting)} (quarantine: ${most}). Nobody can tell whether they are repeats. broker.quarantine lists, releases and discards them.`,
  ];
}

function told({ value, precision }: Count): string {
  return precision === 'exact'
    ? String(value)
    : precision === 'at-least'
      ? `at least ${value}`
      : `about ${value}`;
}

function duration(ms: number): string {
  return ms < 120_000 ? `${Math.round(ms / 1000)} s` : `${Math.round(ms / 60_000)} min`;
}
