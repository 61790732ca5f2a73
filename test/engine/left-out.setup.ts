import { whyLeftOut } from './left-out.js';

/** Skips what is left out with an engine in the broker's place, and says why in its name. */
const original = globalThis.it;
const file = expect.getState().testPath ?? '';

const skipping = (name: string, test: jest.ProvidesCallback, timeout?: number) => {
  const why = whyLeftOut(file, name);
  if (why === undefined) original(name, test, timeout);
  else original.skip(`${name} (left out: ${why})`, test, timeout);
};
globalThis.it = Object.assign(skipping, original);
