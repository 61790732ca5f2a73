/** How `errors` of a delivery, of what waits and of a dead letter is written: JSON, oldest first. */
export interface AttemptError {
  /** ISO 8601. */
  at: string;
  error: string;
  /** Its connection was lost, which an operator may have done. */
  atNoCost?: true;
}

export function encodeHistory(errors: readonly AttemptError[]): Buffer {
  return Buffer.from(JSON.stringify(errors), 'utf8');
}

/** What can't be read is left out: it must not keep its delivery from the dead letters, nor those from being listed. */
export function decodeHistory(history: Buffer | null): AttemptError[] {
  if (!history) return [];
  try {
    const entries: unknown = JSON.parse(history.toString('utf8'));
    return Array.isArray(entries) ? entries.filter(isAttemptError) : [];
  } catch {
    return [];
  }
}

function isAttemptError(entry: unknown): entry is AttemptError {
  const { at, error } = (entry ?? {}) as Partial<AttemptError>;
  return typeof at === 'string' && typeof error === 'string';
}
