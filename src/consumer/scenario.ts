import {
  NamedIds,
  type LibraryConnections,
  type ScenarioKind,
  findScenario,
  insertScenario,
  raiseRetention,
} from '../storage/index.js';

/** Which number each scenario has in the database. */
export class Scenarios extends NamedIds {
  /**
   * @param kind of those that are new: a consumer says so of its own when it registers
   * @param retentionOf how long this process wants the rows of a scenario kept, in milliseconds
   */
  constructor(
    connections: Pick<LibraryConnections, 'database' | 'control'>,
    kind: ScenarioKind = 'unknown',
    retentionOf: (name: string) => number | undefined = () => undefined,
  ) {
    super(connections, {
      find: async (database, on, name) => {
        const found = await findScenario(database, on, name);
        const retentionMs = retentionOf(name);
        // Looked at first: on SQLite a write waits for whoever is writing.
        if (found && retentionMs !== undefined && (found.retentionMs ?? 0) < retentionMs) {
          await raiseRetention(database, on, found.id, retentionMs);
        }
        return found?.id;
      },
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
