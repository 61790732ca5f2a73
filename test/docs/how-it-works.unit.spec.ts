import { existsSync, readdirSync } from 'node:fs';
import { backoffMs } from '../../src/waiting/index.js';
import { CONSUMER_DEFAULTS } from '../../src/consumer/consumer-options.js';
import { TABLES } from '../../src/storage/tables.js';
import { read, tableUnder } from './markdown.js';

/** docs/how-it-works.md describes src/ as it is. */

/** They may import anything, and no room imports them. */
const WIRING = ['cli', 'testing'];
const document = read('docs/how-it-works.md');

describe('docs/how-it-works.md', () => {
  it.each(['In one database', 'With a broker apart'])(
    'names the six steps, each with files that are there: %s',
    (shape) => {
      const steps = tableUnder(document, `### ${shape}`);
      expect(steps.map(([step]) => step)).toEqual([
        '1 send',
        '2 land',
        '3 ACK',
        '4 deliver',
        '5 ACK',
        '6 drop',
      ]);
      for (const [step, , files] of steps) {
        const paths = [...files!.matchAll(/\[(src\/[^\]]+)\]/g)].map(([, path]) => path!);
        expect({ step, missing: paths.filter((path) => !existsSync(path)), named: paths.length > 0 }).toEqual(
          {
            step,
            missing: [],
            named: true,
          },
        );
      }
    },
  );

  it('names every table', () => {
    expect(tableUnder(document, '## The tables').map(([table]) => table)).toEqual([...TABLES]);
  });

  it('says what every room of src/ may import, as the checks have it', () => {
    const documented = tableUnder(document, '## The rooms').map(([room, , imports]) => [
      room,
      imports === 'nothing' ? [] : imports!.split(', '),
    ]);
    expect(Object.fromEntries(documented)).toEqual(roomsOfChecks());
    const folders = readdirSync('src', { withFileTypes: true }).filter((entry) => entry.isDirectory());
    const rooms = folders.map(({ name }) => name).filter((name) => !WIRING.includes(name));
    expect(documented.map(([room]) => room).sort()).toEqual(rooms.sort());
  });

  it('says how long the backoff waits', () => {
    for (const [failures, waits] of tableUnder(document, '## Retries').slice(-7)) {
      const [from, to] = waits!.split(' to ').map(Number);
      for (const failure of failures!.split(' to ').map(Number)) {
        expect(backoffMs(failure, CONSUMER_DEFAULTS.retry, () => 0)).toBe(from! * 1000);
        expect(backoffMs(failure, CONSUMER_DEFAULTS.retry, () => 1)).toBe(to! * 1000);
      }
    }
  });

  it('says after how long a delivery that always fails is a dead letter', () => {
    const waits = (random: number) =>
      Array.from({ length: CONSUMER_DEFAULTS.retry.attempts - 1 }, (_, n) =>
        backoffMs(n + 1, CONSUMER_DEFAULTS.retry, () => random),
      ).reduce((sum, ms) => sum + ms, 0) / 60_000;
    expect(document).toContain(`${Math.round(waits(0))} to ${Math.round(waits(1))} minutes`);
  });
});

/** The table in the source of the checks: its rules are made of it. */
function roomsOfChecks(): Record<string, string[]> {
  const [, rooms] = /const rooms = \{\n([\s\S]*?)\n\};/.exec(read('.dependency-cruiser.cjs'))!;
  const lines = [...rooms!.matchAll(/^ {2}(\w+): \[(.*)\],$/gm)];
  return Object.fromEntries(lines.map(([, room, imports]) => [room, imports!.match(/\w+/g) ?? []]));
}
