import {
  NamedIds,
  type LibraryConnections,
  type ScenarioKind,
  findScenario,
  insertScenario,
} from '../storage/index.js';

/** Which number each scenario has in the database. */
export class Scenarios extends NamedIds {
  /** @param kind of those that are new: a consumer says so of its own when it registers */
  constructor(connections: Pick<LibraryConnections, 'database' | 'control'>, kind: ScenarioKind = 'unknown') {
    super(connections, {
      find: findScenario,
      insert: (database, on, name) => insertScenario(database, on, name, kind),
    });
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
