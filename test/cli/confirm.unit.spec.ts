import { PassThrough } from 'node:stream';
import { type Terminal, isMeant } from '../../src/cli/confirm.js';

// Property: nothing is destroyed unless somebody has said so.

function terminal({ isTTY = true } = {}) {
  const input = Object.assign(new PassThrough(), { isTTY });
  const output = Object.assign(new PassThrough(), { isTTY });
  return { input, output, shown: () => String(output.read() ?? '') } satisfies Terminal & { shown(): string };
}

describe('before anything is destroyed', () => {
  it('a script says --yes', async () => {
    await expect(isMeant('This deletes all.', 'true', terminal({ isTTY: false }))).resolves.toBe(true);
  });

  it('a script that does not is refused', async () => {
    const asking = isMeant('This deletes all.', undefined, terminal({ isTTY: false }));
    await expect(asking).rejects.toThrow(/^This deletes all\. There is no terminal to ask on: give --yes/);
  });

  it.each(['yes', 'y', ' YES '])('whoever types %j is believed', async (answer) => {
    const at = terminal();
    const asking = isMeant('This deletes all.', undefined, at);
    at.input.write(`${answer}\n`);
    await expect(asking).resolves.toBe(true);
    expect(at.shown()).toContain('This deletes all. Type yes to go on: ');
  });

  it.each(['', 'no', 'yesterday'])('whoever types %j has changed nothing', async (answer) => {
    const at = terminal();
    const asking = isMeant('This deletes all.', undefined, at);
    at.input.write(`${answer}\n`);
    await expect(asking).resolves.toBe(false);
    expect(at.shown()).toContain('Nothing was changed.');
  });

  it('an input that ends is a no', async () => {
    const at = terminal();
    const asking = isMeant('This deletes all.', undefined, at);
    at.input.end();
    await expect(asking).resolves.toBe(false);
  });
});
