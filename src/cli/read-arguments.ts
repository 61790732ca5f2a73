import { parseArgs } from 'node:util';
import { ConfigurationError } from '../errors/index.js';
import type { Command, FlagKinds, Flags } from './command.js';
import { redacted } from './data-source.js';

/** Of each command. */
const COMMON: FlagKinds = {
  database: 'value',
  'data-source': 'value',
  'table-prefix': 'value',
  help: 'switch',
};

export interface Arguments {
  /** Undefined: help about all of them is wanted. */
  command: Command | undefined;
  flags: Flags;
  args: readonly string[];
}

/** No command, or more than one: the usage helps. */
export class NoCommandError extends ConfigurationError {}

/**
 * What the command line says. Not parseArgs' own messages, which speak of its caller's options, and end at the first dash.
 *
 * @throws ConfigurationError naming what is wrong, and what there is instead
 */
export function readArguments(argv: readonly string[], commands: readonly Command[]): Arguments {
  const kinds = Object.assign({}, COMMON, ...commands.map(({ flags }) => flags)) as FlagKinds;
  const { tokens, positionals } = parseArgs({
    args: [...argv],
    strict: false,
    tokens: true,
    allowPositionals: true,
    options: Object.fromEntries(
      Object.entries(kinds).map(([flag, kind]) => [
        flag,
        { type: kind === 'value' ? 'string' : 'boolean', ...(flag === 'help' && { short: 'h' }) },
      ]),
    ),
  });
  const named = commandNamed(positionals, commands);
  const flags: Record<string, string> = {};
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    const kind = Object.hasOwn(kinds, token.name) ? kinds[token.name]! : undefined;
    checkFlag(token, kind, named ? [named] : commands);
    if (flags[token.name] !== undefined && kind === 'value') {
      throw new ConfigurationError(
        `${token.rawName} is given more than once: run the command once for each.`,
      );
    }
    flags[token.name] = token.value ?? 'true';
  }
  if (flags.help !== undefined) return { command: named, flags, args: [] };
  const command = named ?? missing(positionals, commands);
  const args = positionals.slice(wordsOf(command).length);
  checkArguments(command, args);
  checkOwners(command, flags, commands);
  return { command, flags, args };
}

interface FlagToken {
  name: string;
  rawName: string;
  value: string | undefined;
  inlineValue: boolean | undefined;
}

function checkFlag(
  { rawName, value, inlineValue }: FlagToken,
  kind: 'value' | 'switch' | undefined,
  possible: readonly Command[],
): void {
  if (kind === undefined) {
    const known = [COMMON, ...possible.map(({ flags }) => flags)].flatMap((flags) => Object.keys(flags));
    throw new ConfigurationError(
      `There is no flag ${rawName}${possible.length === 1 ? ` of ${possible[0]!.name}` : ''}. There are ${[...new Set(known)].map((flag) => `--${flag}`).join(', ')}.${/^-\d/.test(rawName) ? ' What begins with a dash and is no flag comes behind --.' : ''}`,
    );
  }
  if (kind === 'switch' && value !== undefined) {
    throw new ConfigurationError(`${rawName} takes no value: leave out what comes after the =.`);
  }
  if (kind === 'value' && (!value || (value.startsWith('-') && !inlineValue))) {
    throw new ConfigurationError(`${rawName} needs a value: ${rawName} VALUE, or ${rawName}=VALUE.`);
  }
}

function wordsOf({ name }: Command): string[] {
  return name.split(' ');
}

function commandNamed(positionals: readonly string[], commands: readonly Command[]): Command | undefined {
  return commands.find((command) => wordsOf(command).every((word, i) => word === positionals[i]));
}

/** @throws NoCommandError saying which there are */
function missing([name]: readonly string[], commands: readonly Command[]): never {
  const known = commands.map((command) => command.name).join(', ');
  if (name === undefined) throw new NoCommandError(`A command is missing: one of ${known}.`);
  const second = commands.map(wordsOf).flatMap(([first, ...more]) => (first === name ? more : []));
  if (second.length > 0) {
    throw new ConfigurationError(`${name} needs to be told what to do: one of ${second.join(', ')}.`);
  }
  throw new NoCommandError(`There is no command ${redacted(name)}. Known are ${known}.`);
}

function checkArguments({ name, args = [] }: Command, given: readonly string[]): void {
  const needed = args.filter(({ many }) => many !== 'any number');
  if (given.length < needed.length) {
    throw new ConfigurationError(
      `${name} needs ${needed.map((one) => one.name).join(' and ')}: ${needed[given.length]!.name} is missing.`,
    );
  }
  const isOpen = args.at(-1)?.many !== undefined;
  if (isOpen || given.length <= args.length) return;
  const stray = redacted(given[args.length]!);
  throw args.length === 0
    ? new NoCommandError(
        `${name} takes no argument without a flag: give ${stray} as --database or --data-source.`,
      )
    : new ConfigurationError(
        `${name} takes ${args.map((one) => one.name).join(' and ')}, and nothing more: ${stray} is too much. What has spaces needs quotes.`,
      );
}

function checkOwners(command: Command, flags: Flags, commands: readonly Command[]): void {
  for (const flag of Object.keys(flags)) {
    if (Object.hasOwn(COMMON, flag) || Object.hasOwn(command.flags, flag)) continue;
    const owners = commands.filter((one) => Object.hasOwn(one.flags, flag)).map(({ name }) => name);
    throw new ConfigurationError(
      `--${flag} belongs to the command ${owners.join(' or ')}, not to ${command.name}: leave it out.`,
    );
  }
}
