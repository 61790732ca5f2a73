import type { Results } from './report.js';

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

function whatIsWrong({ payments, verdict, sms, crashes }: Results): string[] {
  const missing = payments - verdict.payments;
  const withoutSms = payments - (sms.sent - sms.repeats);
  return [
    ...crashes,
    ...(missing === 0 ? [] : [`${missing} payments are missing in the database.`]),
    ...(verdict.unpaid === 0 ? [] : [`${verdict.unpaid} cards have no payment.`]),
    ...(withoutSms === 0 ? [] : [`No SMS was sent for ${withoutSms} payments.`]),
  ];
}

/** A run without faults would pass with any library. */
function whatNeverHappened({ tally, chaos }: Results): string[] {
  const faults = {
    'no worker was killed': chaos.killed,
    'no worker stalled past its lease': chaos.stalled,
    'no duplicate was absorbed': tally.duplicatesAbsorbed,
    'nothing was delivered again': tally.redelivered,
  };
  return Object.entries(faults)
    .filter(([, count]) => count === 0)
    .map(([what]) => `This run is void: ${what}.`);
}
