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
        const id = await findScenario(database, on, name);
        const retentionMs = retentionOf(name);
        if (id !== undefined && retentionMs !== undefined)
          await raiseRetention(database, on, id, retentionMs);
        return id;
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
