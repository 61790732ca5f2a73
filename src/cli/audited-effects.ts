import type { EffectTable } from '../audit/index.js';
import { namedScenario, scenarioName } from '../consumer/scenario.js';
import { ConfigurationError, InvalidOptionError } from '../errors/index.js';
import { type LibraryConnections, listScenarios } from '../storage/index.js';

/** The flags that name a table of the business, and the scenario whose effects it has. */
export interface EffectFlags {
  table?: string | undefined;
  column?: string | undefined;
  scenario?: string | undefined;
  group?: string | undefined;
  topic?: string | undefined;
}

export interface WantedEffects {
  table: string;
  column: string;
  /** Names that it may have. */
  scenarios: string[];
}

/**
 * What the flags say of a table of the business.
 *
 * @throws ConfigurationError, InvalidOptionError naming the flag
 */
export function effectsOf({ table, column, scenario, group, topic }: EffectFlags): WantedEffects | undefined {
  const given = [table, column, scenario, group, topic].some((flag) => flag !== undefined);
  if (!given) return undefined;
  const isByGroup = group !== undefined && topic !== undefined && scenario === undefined;
  const isByName = scenario !== undefined && group === undefined && topic === undefined;
  if (table === undefined || column === undefined || !(isByGroup || isByName)) {
    throw new ConfigurationError(
      'A table of your own is named by --table and --column, with the --scenario whose biz-ids it has, or with --group and --topic: give all of them, or none.',
    );
  }
  checkIdentifiers('--table', table, 2);
  checkIdentifiers('--column', column, 1);
  const scenarios = isByGroup ? [scenarioName({ group, topic })] : [namedScenario(scenario!), scenario!];
  return { table, column, scenarios };
}

const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_$]{0,63}$/;

function checkIdentifiers(flag: string, given: string, most: number): void {
  const parts = given.split('.');
  if (parts.length <= most && parts.every((part) => IDENTIFIER.test(part))) return;
  throw new InvalidOptionError(
    flag,
    given,
    most === 1 ? 'the name of a column' : 'the name of a table, such as card or cards.card',
  );
}

/** @throws ConfigurationError when there is no such scenario, naming those that there are */
export async function effectTable(
  business: LibraryConnections,
  { table: name, column: columnName, scenarios }: WantedEffects,
): Promise<EffectTable> {
  const { dialect } = business.database;
  const known = (await business.control((on) => listScenarios(business.database, on))).map(
    ({ name }) => name,
  );
  const scenario = scenarios.find((one) => known.includes(one));
  if (scenario === undefined) {
    throw new ConfigurationError(
      `There is no scenario ${JSON.stringify(scenarios[0])} in this database. There are: ${known.map((one) => JSON.stringify(one)).join(', ') || 'none'}.`,
    );
  }
  const parts = name.split('.');
  const table = parts.at(-1)!;
  const schema = parts.length > 1 ? parts[0] : undefined;
  const column = {
    table: parts.map((part) => dialect.quote(part)).join('.'),
    column: dialect.quote(columnName),
  };
  return { column, name, schema, table, columnName, scenario };
}
