import type { Argument, Command } from './command.js';

const INDENT = 2;
const COLUMN = 25;
const WIDTH = 118;

const OF_EACH: readonly (readonly [name: string, help: string])[] = [
  [
    '--database URL',
    'mysql://user:password@host:port/name, mariadb://…, postgres://…, or sqlite:path/to/file',
  ],
  [
    '--data-source FILE',
    'a module whose default export, or only one, is a TypeORM DataSource (ormconfig.js)',
  ],
  ['--table-prefix PREFIX', 'as in forRoot({ tablePrefix }); mq_ unless given'],
  ['--help', 'after a command: all about it'],
];

const END = `Exit status, unless said otherwise: 0 done, 1 it could not be done, 2 called wrongly.

Examples:
  npx nestjs-idempotent-mq status --database mysql://root:secret@127.0.0.1:3306/shop
  npx nestjs-idempotent-mq find payment.succeeded P-123 --database mysql://root:secret@127.0.0.1:3306/shop
  npx nestjs-idempotent-mq dead-letters list --data-source dist/ormconfig.js
  npx nestjs-idempotent-mq migrate --data-source dist/ormconfig.js
  npx nestjs-idempotent-mq serve --database mysql://root:secret@127.0.0.1:3306/broker --port 7788
`;

/** Of all commands. */
export function usageOf(commands: readonly Command[]): string {
  return [
    'Usage: nestjs-idempotent-mq COMMAND (--database URL | --data-source FILE) [--table-prefix PREFIX]',
    commands.map(({ name, summary }) => entry(name, summary)).join('\n'),
    OF_EACH.map(([name, help]) => entry(name, help)).join('\n'),
    END,
  ].join('\n\n');
}

/** Of one of them. */
export function helpOf(command: Command): string {
  const { name, summary, help, flags, args = [], examples = [] } = command;
  const own = Object.entries(flags).map(([flag, kind]) => `[--${flag}${kind === 'value' ? ' …' : ''}]`);
  const parts = [
    wrapped(['Usage: nestjs-idempotent-mq', name, ...args.map(inUsage), ...own].join(' '), INDENT),
    wrapped(`${summary.charAt(0).toUpperCase()}${summary.slice(1)}. ${help}.`),
    OF_EACH.map(([flag, about]) => entry(flag, about)).join('\n'),
    ...(examples.length > 0
      ? [`Examples:\n${examples.map((example) => `  npx nestjs-idempotent-mq ${example}`).join('\n')}`]
      : []),
  ];
  return `${parts.join('\n\n')}\n`;
}

function inUsage({ name, many }: Argument): string {
  if (many === undefined) return name;
  return many === 'any number' ? `[${name}…]` : `${name}…`;
}

function entry(name: string, help: string): string {
  return linesOf(help, COLUMN)
    .map((line, i) => (i === 0 ? `${' '.repeat(INDENT)}${name} ` : '').padEnd(COLUMN) + line)
    .join('\n');
}

function wrapped(text: string, indent = 0): string {
  return linesOf(text, indent).join(`\n${' '.repeat(indent)}`);
}

function linesOf(text: string, indent: number): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const last = lines.at(-1)!;
    if (last && indent + last.length + 1 + word.length > WIDTH) lines.push(word);
    else lines[lines.length - 1] = last ? `${last} ${word}` : word;
  }
  return lines;
}
