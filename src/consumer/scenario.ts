import { NamedIds, type LibraryConnections, findScenario, insertScenario } from '../storage/index.js';

/** Which number each scenario has in the database. */
export class Scenarios extends NamedIds {
  constructor(connections: Pick<LibraryConnections, 'database' | 'control'>) {
    super(connections, { find: findScenario, insert: insertScenario });
  }
}

/**
 * A consumer's namespace of biz-ids. Lengths stand before names, so that no two pairs read the same; and what was named
 * by hand never meets a default.
 */
export function scenarioName(of: { scenario?: string; group: string; topic: string }): string {
  if (of.scenario !== undefined) return namedScenario(of.scenario);
  return `consumer/${of.group.length}:${of.group}/${of.topic.length}:${of.topic}`;
}

export function namedScenario(name: string): string {
  return `named/${name}`;
}
