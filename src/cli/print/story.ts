import type { Findings, MessageStory, Stage } from '../../operate/index.js';
import { duration, key, oneLine, plural, time } from './words.js';

/** For people. */
export function storyInWords({ topic, bizId, messages, rememberedMs, isComplete, notes }: Findings): string {
  const name = `${topic} ${key(bizId)}`;
  const told =
    messages.length > 0
      ? [`${name}: ${plural(messages.length, 'message')}`, ...messages.map(messageInWords)]
      : !isComplete
        ? [`${name}: not found where it could be looked.`]
        : [
            `${name}: unknown, or forgotten${rememberedMs === undefined ? '' : ` (older than ${duration(rememberedMs)})`}.`,
          ];
  return [told.join('\n\n'), notes.map((note) => `Note: ${oneLine(note)}`).join('\n')]
    .filter((block) => block !== '')
    .join('\n\n');
}

function messageInWords({ innerMsgId, seq, orderingKey, expiresAt, stages }: MessageStory): string {
  const facts = [
    ...(seq === undefined ? [] : [`number ${seq}`]),
    ...(innerMsgId === undefined ? [] : [`inner-msg-id ${innerMsgId}`]),
    ...(expiresAt ? [`expires ${time(expiresAt)}`] : []),
    ...(orderingKey === undefined ? [] : [`ordering key ${key(orderingKey)}`]),
  ];
  return [
    facts.join(', ') || 'no message, but an effect',
    ...stages.flatMap((stage) => inWords(stage).map((line, i) => `${i === 0 ? '  ' : '      '}${line}`)),
  ].join('\n');
}

/** A line, and others that belong to it. */
function inWords(stage: Stage): string[] {
  switch (stage.stage) {
    case 'outbox': {
      const sent = stage.firstSentAt
        ? `, sent ${times(stage.sends)}, first ${time(stage.firstSentAt)}, no ACK yet`
        : ', not sent yet';
      const next = stage.nextAt
        ? `; ${stage.state === 'scheduled' ? 'for' : 'again at'} ${time(stage.nextAt)}`
        : '';
      return [
        `in the outbox since ${time(stage.publishedAt)}${stage.state === 'scheduled' ? '' : sent}${next}`,
      ];
    }
    case 'quarantined': {
      const decided = stage.decision ? `; ${stage.decision} ${time(stage.decidedAt!)}` : '';
      return [
        `quarantined ${time(stage.since)} (${stage.reason}, ${plural(stage.copies, 'copy', 'copies')}), id ${stage.id}${decided}`,
      ];
    }
    case 'landed':
      return [`landed ${time(stage.at)}`];
    case 'parked':
      return [
        `parked since ${time(stage.since)}: no group has taken it${stage.deliverAt ? `; for ${time(stage.deliverAt)}` : ''}`,
      ];
    case 'ready':
      return [`${stage.group}: waiting for a worker${waitsFor(stage)}${failed(stage)}`, ...lastError(stage)];
    case 'in-flight':
      return [
        `${stage.group}: in flight, attempt ${stage.attempt}, leased until ${time(stage.leaseUntil)}`,
        ...lastError(stage),
      ];
    case 'scheduled':
      return [`${stage.group}: scheduled for ${time(stage.nextAt)}`];
    case 'retrying':
      return [`${stage.group}: tried again at ${time(stage.nextAt)}${failed(stage)}`, ...lastError(stage)];
    case 'dead':
      return [
        `${stage.group ?? 'no group'}: dead letter since ${time(stage.since)} (${stage.reason}), id ${stage.id}${failed(stage)}`,
        ...lastError(stage),
      ];
    case 'done':
      return [
        `${stage.group ?? key(stage.scenario)}: done, took effect ${time(stage.at)}${stage.byThis ? '' : ', for another message of this biz-id'}`,
      ];
    case 'torn':
      return [
        `${stage.group ?? key(stage.scenario)}: torn ${time(stage.at)}, its transaction was broken from within (docs/guarantees.md#torn)`,
      ];
    case 'acknowledged':
      return [`${stage.group}: nothing left to do: acknowledged, or the group came later`];
  }
}

function waitsFor({ paused, behind, leaseRanOut }: Extract<Stage, { stage: 'ready' }>): string {
  return [
    ...(paused ? ['the group is paused'] : []),
    ...(behind > 0 ? [`behind ${behind >= 1000 ? '1,000 or more' : behind} of its ordering key`] : []),
    ...(leaseRanOut ? ['the process that had it is gone, or late'] : []),
  ]
    .map((why) => `, ${why}`)
    .join('');
}

function failed({ failures, lostLeases }: { failures: number; lostLeases: number }): string {
  return [
    ...(failures > 0 ? [`, ${plural(failures, 'failure')}`] : []),
    ...(lostLeases > 0 ? [`, ${plural(lostLeases, 'lost lease')}`] : []),
  ].join('');
}

function lastError({ errors }: { errors: readonly { at: string; error: string }[] }): string[] {
  const last = errors.at(-1);
  return last ? [`${oneLine(last.at)} ${oneLine(last.error)}`] : [];
}

function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`;
}
