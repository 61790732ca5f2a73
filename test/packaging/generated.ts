import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';

const NEST = require.resolve('@nestjs/cli/bin/nest.js');
const JEST_CONFIG = join(__dirname, '../../jest.config.cjs');

/** Those of an app that `nest new` makes, but with all of `strict`. */
const COMPILER_OPTIONS = {
  target: 'ES2022',
  module: 'NodeNext',
  types: ['node', 'jest'],
  strict: true,
  experimentalDecorators: true,
  emitDecoratorMetadata: true,
  isolatedModules: true,
  esModuleInterop: true,
  skipLibCheck: true,
  noEmit: true,
};

/** Runs `nest g -c nestjs-idempotent-mq …` in the app, on a Node, and returns the files that it has made. */
export function generate(app: string, node: string, args: string[]): string[] {
  const env = { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH}`, NO_COLOR: '1' };
  const output = run(node, [NEST, 'g', '-c', 'nestjs-idempotent-mq', ...args], app, env);
  return [...output.matchAll(/CREATE.* (src\/\S+) /g)].map(([, file]) => file!);
}

/** @throws Error with what the compiler says about the app's `src/` */
export function compile(app: string): void {
  const config = { compilerOptions: COMPILER_OPTIONS, include: ['src'] };
  writeFileSync(join(app, 'tsconfig.json'), JSON.stringify(config));
  run(process.execPath, [require.resolve('typescript/bin/tsc'), '-p', '.'], app);
}

/** Runs the tests in the app's `src/`, and returns how many have passed. @throws Error with what fails */
export function passingTests(app: string): number {
  writeFileSync(
    join(app, 'jest.config.cjs'),
    `module.exports = { ...require(${JSON.stringify(JEST_CONFIG)}), rootDir: __dirname, testMatch: ['<rootDir>/src/**/*.spec.ts'] };`,
  );
  const jest = join(dirname(require.resolve('jest/package.json')), 'bin/jest.js');
  const report = run(process.execPath, [jest, '--config', 'jest.config.cjs', '--json'], app);
  return (JSON.parse(report) as { numPassedTests: number }).numPassedTests;
}

function run(command: string, args: string[], cwd: string, env = process.env): string {
  try {
    return execFileSync(command, args, { cwd, env, encoding: 'utf8', timeout: 120_000, stdio: 'pipe' });
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`${command} ${args.join(' ')}:\n${stdout}\n${stderr}`);
  }
}
