import { type Fault, faultsOf } from './faults.js';
import type { Results } from './results.js';

export interface Judgement {
  status: number;
  /** Empty when all is well. */
  reasons: string[];
}

/** 0: nothing is lost or doubled, though everything was tried. 1: something is. 2: the run proves nothing. */
export function judge(results: Results): Judgement {
  const wrong = whatIsWrong(results);
  const { lost, doubled } = results.verdict;
  if (wrong.length > 0 || lost > 0 || doubled > 0) return { status: 1, reasons: wrong };
  const missing = whatNeverHappened(results);
  return { status: missing.length > 0 ? 2 : 0, reasons: missing };
}

function whatIsWrong(results: Results): string[] {
  const { payments, published, landed, tally, verdict, sms, crashes, engine } = results;
  const missing = payments - verdict.payments;
  const withoutSms = payments - (sms.sent - sms.repeats);
  return [
    ...crashes,
    ...(missing === 0 ? [] : [`${missing} payments are missing in the database.`]),
    ...(landed === published ? [] : [`${published} messages were published, and ${landed} landed.`]),
    ...(tally.landedTwice === 0 || travelsTwice(results)
      ? []
      : [`${tally.landedTwice} messages landed twice.`]),
    ...(engine && engine.left > 0 ? [`${engine.left} messages were left in ${engine.name}.`] : []),
    ...(verdict.unpaid === 0 ? [] : [`${verdict.unpaid} cards have no payment.`]),
    ...(withoutSms === 0 ? [] : [`No SMS was sent for ${withoutSms} payments.`]),
  ];
}

/** A run without faults, or without their consequences, would pass with any library. */
function whatNeverHappened(results: Results): string[] {
  const { tally, apart, story } = results;
  const never = faultsOf(results).flatMap(whatIsMissing);
  if (tally.redelivered === 0) never.push('nothing was delivered again');
  if (tally.duplicatesAbsorbed === 0) never.push('no duplicate was absorbed by the card system');
  if (travelsTwice(results)) {
    if (tally.landedTwice === 0) never.push('no message travelled twice');
  } else if (apart && tally.resendsAbsorbed === 0) never.push('no repeat was absorbed by the broker');
  if (apart && !story) never.push('no message lost both ACKs');
  return never.map((what) => `This run is void: ${what}.`);
}

/** What is sent twice is stored twice: then its biz-id alone absorbs it. */
function travelsTwice({ engine }: Results): boolean {
  return engine !== undefined && !engine.absorbsResends;
}

function whatIsMissing({ row: [label, count], least, never }: Fault): string[] {
  if (count >= least) return [];
  return [count === 0 ? never : `${label}: ${count}, and at least ${least} were wanted`];
}
