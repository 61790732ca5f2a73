import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { consumer } from '../../src/schematics/consumer.schematic.js';
import { topic } from '../../src/schematics/topic.schematic.js';
import type { Options, Rule, Tree } from '../../src/schematics/tree.js';

// That the Nest CLI finds and runs them, and that what comes of it compiles and passes, is of test/packaging.

const PAYMENT = "export const PaymentSucceeded = defineTopic<PaymentDone>({ name: 'payment.succeeded' });";

interface Collection {
  schematics: Record<string, { factory: string }>;
}

describe('nest g -c nestjs-idempotent-mq', () => {
  it('has a topic and a consumer, each with what makes it', async () => {
    const file = join(__dirname, '../../src/schematics/collection.json');
    const { schematics } = JSON.parse(readFileSync(file, 'utf8')) as Collection;
    const made = await Promise.all(
      Object.entries(schematics).map(async ([name, { factory }]) => {
        const [path, exported] = factory.split('#');
        const module: Record<string, unknown> = await import(`../../src/schematics/${path}`);
        return [name, module[exported!]];
      }),
    );
    expect(Object.fromEntries(made)).toEqual({ topic, consumer });
  });

  describe('topic', () => {
    it.each([
      ['payment', 'src/payment/payment.topic.ts', 'PaymentTopic', 'payment'],
      [
        'payment.succeeded',
        'src/payment-succeeded/payment-succeeded.topic.ts',
        'PaymentSucceededTopic',
        'payment.succeeded',
      ],
      [
        'shop/card_ordered',
        'src/shop/card-ordered/card-ordered.topic.ts',
        'CardOrderedTopic',
        'card_ordered',
      ],
    ])('%s is in %s', (name, file, exported, onTheWire) => {
      const files = generated(topic, { name });
      expect([...files.keys()]).toEqual([file]);
      expect(files.get(file)).toContain(`export const ${exported} = `);
      expect(files.get(file)).toContain(`name: '${onTheWire}',`);
    });

    it.each(['9', '-', 'payment.', "it's", '..'])('is not named %p', (name) => {
      expect(() => generated(topic, { name })).toThrow('A name is made of letters and digits');
    });

    it('goes where it is told to', () => {
      const options = { name: 'payment', path: 'shop', sourceRoot: 'apps/shop/src', flat: true };
      expect([...generated(topic, options).keys()]).toEqual(['apps/shop/src/shop/payment.topic.ts']);
    });
  });

  describe('consumer', () => {
    it.each([
      ['its own folder', 'src/card-issuing/payment.topic.ts', './payment.topic'],
      ['the folder above', 'src/payment.topic.ts', '../payment.topic'],
    ])('takes the topic from %s', (_, file, from) => {
      const files = generated(consumer, { name: 'card-issuing' }, { [file]: PAYMENT });
      const made = files.get('src/card-issuing/card-issuing.consumer.ts');
      expect(made).toContain(`import { PaymentSucceeded } from '${from}';`);
      expect(made).toContain("@IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing' })");
      expect(made).toContain('export class CardIssuingConsumer {');
    });

    it('takes the nearest topic, and no file that only has the name of one', () => {
      const files = generated(
        consumer,
        { name: 'payment/card-issuing' },
        {
          'src/other.topic.ts': PAYMENT.replace('PaymentSucceeded', 'Other'),
          'src/payment/payment.topic.ts': PAYMENT,
          'src/payment/card-issuing/news.topic.ts': 'export const news = 1;',
        },
      );
      expect(files.get('src/payment/card-issuing/card-issuing.consumer.ts')).toContain('(PaymentSucceeded, ');
    });

    it('makes nothing without a topic, and says what to do', () => {
      const app = { 'src/payment/payment.topic.ts': PAYMENT };
      const made = () => generated(consumer, { name: 'card-issuing' }, app);
      expect(made).toThrow(/no \*\.topic\.ts .* in \/src\/card-issuing, .* "consumer payment\/card-issuing"/);
    });

    it.each([
      ['with extensions in an app of ES modules', { type: 'module' }, '.js'],
      ['without in one of CommonJS', {}, ''],
    ])('imports %s, and so does its test', (_, manifest, extension) => {
      const app = { 'package.json': JSON.stringify(manifest), 'src/payment.topic.ts': PAYMENT };
      const files = generated(consumer, { name: 'cards', flat: true, specFileSuffix: 'test' }, app);
      const [made, spec] = [files.get('src/cards.consumer.ts'), files.get('src/cards.consumer.test.ts')];
      for (const text of [made, spec]) expect(text).toContain(`'./payment.topic${extension}';`);
      expect(spec).toContain(`'./cards.consumer${extension}';`);
    });

    it('has no test where none is asked for', () => {
      const files = generated(
        consumer,
        { name: 'cards', flat: true, spec: false },
        { 'src/payment.topic.ts': PAYMENT },
      );
      expect([...files.keys()]).toEqual(['src/cards.consumer.ts']);
    });

    it('says that somebody has to list it, or nobody consumes', () => {
      const said: string[] = [];
      generated(consumer, { name: 'cards' }, { 'src/payment.topic.ts': PAYMENT }, said);
      expect(said).toEqual([
        'It consumes PaymentSucceeded. List CardsConsumer in the providers of a module.',
      ]);
    });
  });
});

/** What it makes in an app of these files. */
function generated(
  schematic: (options: Options) => Rule,
  options: Partial<Options> & { name: string },
  app: Record<string, string> = {},
  said: string[] = [],
): Map<string, string> {
  const made = new Map<string, string>();
  const tree: Tree = {
    read: (path) => (path.slice(1) in app ? Buffer.from(app[path.slice(1)]!) : null),
    create: (path, content) => void made.set(path.slice(1), content),
    getDir: (folder) => ({
      subfiles: Object.keys(app)
        .filter((file) => `/${file}`.replace(/\/[^/]+$/, '') === folder.replace(/\/$/, ''))
        .map((file) => file.replace(/.*\//, '')),
    }),
  };
  const defaults = { sourceRoot: 'src', flat: false, spec: true, specFileSuffix: 'spec' };
  schematic({ ...defaults, ...options })(tree, { logger: { info: (text) => void said.push(text) } });
  return made;
}
