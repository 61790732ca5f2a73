import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const repository = resolve(__dirname, '../..');

/** Compiles one file with the repository's own settings, and returns what tsc says. */
function compile(file: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'mq-types-'));
  const project = join(folder, 'tsconfig.json');
  const typeRoots = [join(repository, 'node_modules/@types')];
  const settings = { extends: join(repository, 'tsconfig.json'), compilerOptions: { typeRoots } };
  writeFileSync(project, JSON.stringify({ ...settings, include: [], files: [file] }));
  try {
    execFileSync(
      process.execPath,
      [join(repository, 'node_modules/typescript/bin/tsc'), '--noEmit', '-p', project],
      {
        encoding: 'utf8',
        stdio: 'pipe',
      },
    );
    return '';
  } catch (error) {
    return (error as { stdout: string }).stdout;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('the types of the contract', () => {
  it('compile the handlers and publishes that fit, and none of those that do not', () => {
    expect(compile(join(__dirname, 'contract.types.ts'))).toBe('');
  }, 120_000);

  it('would be caught if they compiled what does not fit', () => {
    const folder = mkdtempSync(join(tmpdir(), 'mq-types-'));
    try {
      writeFileSync(
        join(folder, 'unused.ts'),
        '// @ts-expect-error nothing is wrong here\nexport const one = 1;\n',
      );
      expect(compile(join(folder, 'unused.ts'))).toMatch(/TS2578/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }, 120_000);
});
