import { accessSync, constants } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** It has nothing to say to anybody but the app of the test. */
const FLAGS = [
  ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'],
  ...['--disable-background-networking', '--disable-component-update'],
];

/** Where a browser is, or why there is none. Nothing is downloaded: .ci/run installs Debian's. */
export function findChromium(): { path: string } | { missing: string } {
  const named = process.env.MQ_TEST_CHROMIUM;
  const path = (named ? [named] : PLACES).find(isThere);
  if (path) return { path };
  return {
    missing: named
      ? `MQ_TEST_CHROMIUM names ${named}, which is not there`
      : 'no Chromium; as root: apt-get install chromium, or MQ_TEST_CHROMIUM=/path/to/it',
  };
}

/** With a profile of its own, which goes with it. */
export function launch(path: string): Promise<Browser> {
  return chromium.launch({ executablePath: path, headless: true, args: FLAGS });
}

function isThere(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
