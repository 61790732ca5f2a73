import type { Command } from './command.js';

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
];

const END = `Exit status, unless said otherwise: 0 done, 1 it could not be done, 2 called wrongly.

Examples:
  npx nestjs-idempotent-mq migrate --database mysql://root:secret@127.0.0.1:3306/shop
  npx nestjs-idempotent-mq migrate --data-source dist/ormconfig.js
  npx nestjs-idempotent-mq audit --database mysql://root:secret@127.0.0.1:3306/cards --broker mysql://root:secret@127.0.0.1:3306/broker
  npx nestjs-idempotent-mq serve --database mysql://root:secret@127.0.0.1:3306/broker --port 7788
`;

export function usageOf(commands: readonly Command[]): string {
  return [
    'Usage: nestjs-idempotent-mq COMMAND (--database URL | --data-source FILE) [--table-prefix PREFIX]',
    commands.map(({ name, help }) => entry(name, help)).join('\n\n'),
    OF_EACH.map(([name, help]) => entry(name, help)).join('\n'),
    END,
  ].join('\n\n');
}

function entry(name: string, help: string): string {
  return wrapped(help)
    .map((line, i) => (i === 0 ? `${' '.repeat(INDENT)}${name}` : '').padEnd(COLUMN) + line)
    .join('\n');
}

function wrapped(text: string): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const last = lines.at(-1)!;
    if (last && COLUMN + last.length + 1 + word.length > WIDTH) lines.push(word);
    else lines[lines.length - 1] = last ? `${last} ${word}` : word;
  }
  return lines;
}
