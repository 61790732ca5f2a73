/**
 * `npx tsx test/dashboard/pictures.ts [folder]`: the pictures of docs/dashboard.md, of a shop in which something goes on.
 */
import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, BrowserContextOptions } from 'playwright-core';
import { IdempotentMqOperations } from '../../src/index.js';
import { createDatabase } from '../support/engines.js';
import { findChromium, launch } from './support/chromium.js';
import { LOGIN } from './support/mounted.js';
import { quarantine } from './support/seeded.js';
import { AccountClosed, OrderPlaced, PaymentSucceeded, type Shop, openShop } from './support/shop.js';

/** Where it is named, all pictures go there, to be looked at; else those that docs/dashboard.md shows. */
const FOLDER = process.argv[2];
const SHOWN = ['overview', 'overview-phone', 'dead-letter', 'dead-letters-phone', 'story'];
const MAX_BYTES = 100_000;
/** Rates are those of ten seconds. */
const TRAFFIC_MS = 13_000;
const WIDE: BrowserContextOptions = { viewport: { width: 1100, height: 740 } };
const PHONE: BrowserContextOptions = {
  viewport: { width: 390, height: 844 },
  isMobile: true,
  hasTouch: true,
};

const found = findChromium();
if ('missing' in found) throw new Error(found.missing);
mkdirSync(FOLDER ?? 'docs/dashboard', { recursive: true });
const databases = { app: await createDatabase('sqlite'), broker: await createDatabase('sqlite') };
const shop = await openShop(databases);
const browser = await launch(found.path);
let number = 1_000;
const traffic = setInterval(() => void goOn(shop), 150);
try {
  await begin(shop);
  await new Promise((resolve) => setTimeout(resolve, TRAFFIC_MS));
  const [letter] = await shop.broker.deadLetters.list({ reason: 'failed' });
  await picture(browser, 'overview', '', { ...WIDE, colorScheme: 'light' });
  await picture(browser, 'overview-dark', '', { ...WIDE, colorScheme: 'dark' });
  await picture(browser, 'overview-phone', '', { ...PHONE, colorScheme: 'light' });
  await picture(browser, 'dead-letters', 'dead-letters', { ...WIDE, colorScheme: 'light' });
  await picture(browser, 'dead-letter', `dead-letters/${letter!.id}`, { ...WIDE, colorScheme: 'dark' });
  await picture(browser, 'dead-letters-phone', 'dead-letters', { ...PHONE, colorScheme: 'dark' });
  const story = `message?topic=${PaymentSucceeded.name}&bizId=${letter!.bizId}`;
  await picture(browser, 'story', story, { ...WIDE, colorScheme: 'light' });
  for (const view of ['groups', 'quarantine', 'process']) {
    await picture(browser, view, view, { ...WIDE, colorScheme: 'light' });
  }
} finally {
  clearInterval(traffic);
  await browser.close();
  await shop.close();
  await databases.app.drop();
  await databases.broker.drop();
}

async function begin(shop: Shop): Promise<void> {
  const operations = shop.nest.get(IdempotentMqOperations);
  const status = operations.status.bind(operations);
  // Files of a test have names that say nothing.
  operations.status = async () => {
    const { broker, ...rest } = await status();
    return { ...rest, database: 'shop on 10.0.0.7:3306', broker: { ...broker, name: 'mq on 10.0.0.8:3306' } };
  };
  await shop.broker.groups.pause({ group: 'shipping' });
  await shop.pay('P-981-F1', 'P-984-F2', 'P-990-G1');
  for (const account of ['A-17', 'A-20']) {
    await shop.outbox.publish(AccountClosed, { account }, { standalone: true });
  }
  await quarantine(shop, PaymentSucceeded.name, 'P-871', { paymentId: 'P-871', amount: 9_900 });
}

/** Some of it twice, and now and then an ACK gets lost. */
async function goOn(shop: Shop): Promise<void> {
  number += 3;
  shop.network.losesAcks = number % 22 === 0;
  const ids = [number, number + 1, number + 2].map((n) => `P-${n}`);
  await shop.pay(...ids, ...(number % 5 === 0 ? [ids[0]!] : []));
  if (number % 2 === 0) {
    await shop.outbox.publish(OrderPlaced, { orderId: `O-${number}` }, { standalone: true });
  }
}

async function picture(
  browser: Browser,
  name: string,
  place: string,
  options: BrowserContextOptions,
): Promise<void> {
  if (!FOLDER && !SHOWN.includes(name)) return;
  const context = await browser.newContext(options);
  const [cookie, value] = LOGIN.split('=') as [string, string];
  await context.addCookies([{ name: cookie, value, url: shop.url }]);
  const page = await context.newPage();
  await page.goto(`${shop.url}#/${place}`);
  await page.getByText('Live', { exact: true }).waitFor();
  // For the lines of how it went.
  await new Promise((resolve) => setTimeout(resolve, place === '' || place === 'groups' ? 4_000 : 600));
  const path = join(FOLDER ?? 'docs/dashboard', `${name}.png`);
  await page.screenshot({ path });
  await context.close();
  const { size } = statSync(path);
  console.log(`${path}: ${Math.round(size / 1_000)} kB${size > MAX_BYTES ? ', WHICH IS TOO LARGE' : ''}`);
}
