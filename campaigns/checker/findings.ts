/** What a campaign must not find. Each entry names a payment or a place, and says what is wrong with it. */
export interface Findings {
  /** Acknowledged or durable, and without its effect. */
  lost: string[];
  /** The same, where not everything had got through: nobody can tell what is late from what is lost. */
  maybeLost: string[];
  /** More effects than one for a group. */
  doubled: string[];
  /** A message that was stored more often than it was published. */
  landedTwice: string[];
  /** An effect, a message, a dead letter or a payment that nobody committed. */
  unfounded: string[];
  /** Effects and dedup rows that are not as many. */
  unbalanced: string[];
  /** What is left when everything should be through, and whoever did not come to its end as it should. */
  left: string[];
  /** A card before that of a payment whose publish had been acknowledged before, under the same ordering key. */
  disordered: string[];
  /** A handler that was called while another one of the same group and ordering key was running. */
  overlapped: string[];
  /** An effect for which its message has waited longer than the kills meanwhile excuse. */
  late: string[];
}

export function noFindings(): Findings {
  return {
    ...{ lost: [], maybeLost: [], doubled: [], landedTwice: [], unfounded: [], unbalanced: [], left: [] },
    ...{ disordered: [], overlapped: [], late: [] },
  };
}

/** Adds them to the first. */
export function withMore(findings: Findings, more: Partial<Findings>): Findings {
  for (const [kind, ids] of Object.entries(more) as [keyof Findings, string[]][]) findings[kind].push(...ids);
  return findings;
}
