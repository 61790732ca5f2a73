import { readFileSync } from 'node:fs';
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import { type TestDatabase, createDatabase } from '../support/engines.js';
import { findChromium, launch } from './support/chromium.js';
import { LOGIN } from './support/mounted.js';
import { quarantine } from './support/seeded.js';
import {
  AccountClosed,
  FAILS,
  HOSTILE_ERROR,
  HOSTILE_ID,
  OrderPlaced,
  PaymentSucceeded,
  REJECTED,
  type Shop,
  openShop,
} from './support/shop.js';

// Property: an operator sees and does on the page what docs/dashboard.md says, with a mouse, with a keyboard, on a telephone and
// by a screen reader, and nothing of a message runs in his browser.

const found = findChromium();
const isMissing = 'missing' in found;
const describeRuns = isMissing ? describe.skip : describe;
const AXE = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const PHONE = { viewport: { width: 375, height: 740 }, hasTouch: true, isMobile: true };
const VIEWS = ['overview', 'groups', 'message', 'dead-letters', 'quarantine', 'process'];
const ACTION_TIMEOUT_MS = 8_000;

describeRuns(`the dashboard in a browser${isMissing ? ` (skipped: ${found.missing})` : ''}`, () => {
  let browser: Browser;
  let databases: { app: TestDatabase; broker: TestDatabase };
  let shop: Shop;
  let context: BrowserContext;
  let page: Page;
  let complaints: string[];

  beforeAll(async () => {
    browser = await launch((found as { path: string }).path);
    databases = { app: await createDatabase('sqlite'), broker: await createDatabase('sqlite') };
    shop = await openShop(databases);
    await shop.pay('P-1', 'P-F1', 'P-F2', 'P-F3', 'P-F4', 'P-G1', HOSTILE_ID);
    await shop.outbox.publish(AccountClosed, { account: 'A-1' }, { standalone: true });
    await shop.events('dead-lettered', 6);
    for (const id of ['P-Q1', 'P-Q2', `Q${HOSTILE_ID}`]) {
      await quarantine(shop, PaymentSucceeded.name, id, { paymentId: id, note: HOSTILE_ERROR });
    }
  }, 60_000);

  afterAll(async () => {
    await browser?.close();
    await shop?.close();
    await databases?.app.drop();
    await databases?.broker.drop();
  });

  beforeEach(async () => {
    await open();
  });

  afterEach(async () => {
    // Also what a policy has refused.
    expect(complaints).toEqual([]);
    await context.close();
  });

  async function open(options: BrowserContextOptions = {}): Promise<void> {
    await context?.close();
    context = await browser.newContext({ viewport: { width: 1200, height: 800 }, ...options });
    const [name, value] = LOGIN.split('=') as [string, string];
    await context.addCookies([{ name, value, url: shop.url }]);
    page = await context.newPage();
    page.setDefaultTimeout(ACTION_TIMEOUT_MS);
    complaints = [];
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('console', (line) => line.type() === 'error' && complaints.push(line.text()));
    page.on('dialog', (dialog) => {
      complaints.push(`a dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
  }

  const go = async (view: string) => {
    await page.goto(`${shop.url}#/${view}`);
    await page.getByRole('heading', { level: 1 }).waitFor();
    await page.getByText('Live', { exact: true }).waitFor();
  };
  const letters = () => page.getByRole('table', { name: 'Dead letters, newest first' });
  const confirm = (action: string) => page.getByRole('dialog').getByRole('button', { name: action }).click();

  it('shows the six steps, with numbers that change while one looks', async () => {
    await go('overview');
    const picture = page.getByRole('figure', { name: 'The six steps of a message' });
    for (const step of ['send', 'ACK', 'land', 'deliver', 'drop']) {
      await picture.getByText(step, { exact: true }).first().waitFor();
    }
    await picture.getByText('0 redeliveries absorbed').waitFor();
    await shop.pay('P-1');
    await picture.getByText('2 redeliveries absorbed').waitFor();
    await page.getByText('Came again, and had its effect: absorbed by the lower half.').first().waitFor();
  });

  it('tells the story of a message that is looked for', async () => {
    await go('message');
    await page.getByLabel('Topic').fill('payment.succeeded');
    await page.getByLabel('Biz-id').fill('P-F1');
    await page.getByRole('button', { name: 'Find' }).click();
    const story = page.getByRole('region', { name: 'What was found' });
    await story.getByRole('heading', { name: 'Dead in card-issuing' }).waitFor();
    await story.getByRole('heading', { name: 'Stored by the broker' }).waitFor();
    await story.getByText(FAILS).first().waitFor();
    await page.getByRole('link', { name: 'Requeue or discard it' }).click();
    await page.getByRole('heading', { level: 1, name: 'P-F1' }).waitFor();
    await page.goBack();
    await page.getByLabel('Biz-id').fill('P-none');
    await page.getByRole('button', { name: 'Find' }).click();
    await story.getByText(/^Nothing is known of it/).waitFor();
  });

  it('finds dead letters by what they have in common, and shows one with its history and body', async () => {
    await go('dead-letters');
    await letters().getByRole('row').nth(6).waitFor();
    await page.getByLabel('Reason').selectOption('rejected');
    await page.getByRole('button', { name: 'Filter' }).click();
    await letters().getByText(REJECTED).waitFor();
    expect(await letters().getByRole('row').count()).toBe(2);
    await letters().getByRole('link', { name: 'P-G1' }).click();
    await page.getByRole('heading', { level: 2, name: 'History, oldest first' }).waitFor();
    expect(await page.getByLabel('Body of the message').textContent()).toContain(
      '"cardHolder": "Ada Lovelace"',
    );
  });

  it('requeues what is marked, once that was confirmed', async () => {
    await go('dead-letters');
    await page.getByLabel('Mark P-F2').check();
    await page.getByRole('button', { name: 'Requeue', exact: true }).click();
    await confirm('Cancel');
    await page.getByRole('button', { name: 'Requeue', exact: true }).click();
    const before = shop.seen.filter(({ type }) => type === 'dead-lettered').length;
    await confirm('Requeue');
    await page.getByText('1 dead letter requeued.').waitFor();
    // It fails again, as its handler has not changed.
    await shop.events('dead-lettered', before + 1);
  });

  it('discards a dead letter for good', async () => {
    await go('dead-letters');
    await letters().getByRole('link', { name: 'P-F3' }).click();
    await page.getByRole('button', { name: 'Discard' }).click();
    await confirm('Discard for good');
    await page.getByText('1 dead letter discarded.').waitFor();
    await page.getByRole('heading', { level: 1, name: 'Dead letters' }).waitFor();
    expect(await shop.broker.deadLetters.list({ bizId: 'P-F3' })).toEqual([]);
  });

  it('acts on all that match, and on no other', async () => {
    await go('dead-letters?reason=rejected');
    await page.getByRole('button', { name: 'Discard all that match' }).click();
    await confirm('Discard for good');
    await page.getByText('1 dead letter discarded.').waitFor();
    await page.getByText('There are none.').waitFor();
    expect((await shop.broker.deadLetters.list()).length).toBeGreaterThan(2);
  });

  it('releases and discards what is in quarantine', async () => {
    await go('quarantine');
    await page.getByRole('link', { name: 'P-Q1', exact: true }).click();
    await page.getByRole('button', { name: 'Release' }).click();
    await confirm('Release');
    await page.getByText('Released.').waitFor();
    await page.getByRole('link', { name: 'P-Q2', exact: true }).click();
    await page.getByRole('button', { name: 'Discard' }).click();
    await confirm('Discard for good');
    await page.getByText('Discarded.').waitFor();
    expect((await shop.broker.quarantine.list()).map(({ bizId }) => bizId)).toEqual([`Q${HOSTILE_ID}`]);
  });

  it('pauses a group and resumes it', async () => {
    await go('groups');
    await page.getByRole('button', { name: 'Pause shipping of order.placed' }).click();
    await confirm('Pause');
    await page.getByText('shipping is paused.').waitFor();
    await shop.outbox.publish(OrderPlaced, { orderId: 'O-1' }, { standalone: true });
    const row = page.getByRole('row', { name: /shipping/ });
    await row.getByText('paused', { exact: true }).waitFor();
    await row.getByRole('cell', { name: '1', exact: true }).first().waitFor();
    await page.getByRole('button', { name: 'Resume shipping of order.placed' }).click();
    await confirm('Resume');
    await page.getByText('shipping goes on.').waitFor();
    await shop.events('acknowledged', 1, ({ group }) => group === 'shipping');
  });

  it('shows the relay and the workers of the process', async () => {
    await go('process');
    const workers = page.getByRole('table', { name: 'Workers' });
    for (const handler of ['Cards.issue', 'Receipts.send', 'Shipping.ship']) {
      await workers.getByText(handler, { exact: false }).first().waitFor();
    }
    await page.getByText('running').first().waitFor();
  });

  it('makes nothing of hostile biz-ids, bodies and errors but texts', async () => {
    await go('dead-letters');
    await letters().getByRole('link', { name: HOSTILE_ID }).click();
    await page.getByText(HOSTILE_ERROR).first().waitFor();
    expect(await page.getByLabel('Body of the message').textContent()).toContain('onerror');
    await page.getByRole('link', { name: 'Its whole story' }).click();
    await page.getByText(HOSTILE_ERROR).first().waitFor();
    await go('quarantine');
    await page.getByRole('link', { name: `Q${HOSTILE_ID}` }).click();
    await page.getByText(HOSTILE_ERROR.slice(0, 20)).first().waitFor();
    await go('overview');
    expect(await page.locator('main img, main script, main b:text("bold")').count()).toBe(0);
    expect(await page.title()).toBe('Overview · Shop, production');
  });

  it('can be used with a keyboard alone', async () => {
    await go('overview');
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Skip to the content');
    await page.keyboard.press('Enter');
    expect(await page.evaluate('document.activeElement.id')).toBe('main');
    const press = async (key: string, until: string) => {
      for (let i = 0; i < 60; i++) {
        await page.keyboard.press(key);
        if (await page.evaluate(until)) return;
      }
      throw new Error(`no ${key} led to ${until}`);
    };
    await press('Shift+Tab', `document.activeElement.textContent.startsWith('Dead letters')`);
    await page.keyboard.press('Enter');
    await letters().waitFor();
    expect(await page.evaluate('document.activeElement.localName')).toBe('h1');
    await press('Tab', `document.activeElement.ariaLabel === 'Mark P-F4'`);
    await page.keyboard.press('Space');
    await press('Shift+Tab', `document.activeElement.textContent === 'Discard'`);
    await page.keyboard.press('Enter');
    // Enter by mistake does no harm, and Escape is a no.
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Cancel');
    await page.keyboard.press('Escape');
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Discard');
    await page.keyboard.press('Enter');
    await press('Tab', `document.activeElement.textContent === 'Discard for good'`);
    await page.keyboard.press('Enter');
    await page.getByText('1 dead letter discarded.').waitFor();
  });

  it.each<[string, BrowserContextOptions]>([
    ['light', { colorScheme: 'light' }],
    ['dark', { colorScheme: 'dark' }],
    ['on a telephone', { ...PHONE, colorScheme: 'dark' }],
  ])('has no fault that axe finds, and nothing beside the screen: %s', async (_, options) => {
    await open(options);
    const [letter] = await shop.broker.deadLetters.list({ reason: 'failed' });
    const places = [
      ...VIEWS,
      `dead-letters/${letter!.id}`,
      `message?topic=payment.succeeded&bizId=${letter!.bizId}`,
    ];
    for (const place of places) {
      await go(place);
      await page
        .getByText(/^(Loading…|Looking )/)
        .first()
        .waitFor({ state: 'detached' });
      await page.evaluate(AXE);
      const { violations } = await page.evaluate<{ violations: { id: string; nodes: { html: string }[] }[] }>(
        'axe.run(document, { resultTypes: ["violations"] })',
      );
      expect([place, violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])]).toEqual([
        place,
        [],
      ]);
      const [shown, whole] = await page.evaluate<[number, number]>(
        '[document.documentElement.clientWidth, document.documentElement.scrollWidth]',
      );
      expect([place, whole]).toEqual([place, shown]);
    }
  });

  it('keeps what one types while numbers change', async () => {
    await go('message');
    await page.getByLabel('Biz-id').pressSequentially('P-1', { delay: 200 });
    expect(await page.getByLabel('Biz-id').inputValue()).toBe('P-1');
    expect(await page.evaluate('document.activeElement.name')).toBe('bizId');
  });

  it('says so when the server is away, and goes on by itself', async () => {
    await go('overview');
    await context.setOffline(true);
    await page.evaluate(`document.dispatchEvent(new Event('visibilitychange'))`);
    await page.getByText(/^(No answer|Connecting…)$/).waitFor();
    complaints = [];
    await context.setOffline(false);
    await page.evaluate(`document.dispatchEvent(new Event('visibilitychange'))`);
    await page.getByText('Live', { exact: true }).waitFor();
    complaints = [];
  });
});
