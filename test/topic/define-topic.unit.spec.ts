import { z } from 'zod';
import { InvalidTopicError, defineTopic } from '../../src/index.js';
import { definedTopicNames } from '../../src/topic/index.js';

const bizId = () => 'x';

describe('defineTopic', () => {
  it('makes a contract that nobody can change', () => {
    const topic = defineTopic({ name: 'order.placed', bizId });
    expect(topic).toEqual({ name: 'order.placed', bizId });
    expect(Object.isFrozen(topic)).toBe(true);
  });

  it('notes the name for the start of the app, where topics are registered', () => {
    defineTopic({ name: 'order.noted', bizId });
    expect(definedTopicNames()).toContain('order.noted');
  });

  it.each(['a', 'A.b_c:d-e', '0', 'x'.repeat(200)])('takes the name %s', (name) => {
    expect(defineTopic({ name, bizId }).name).toBe(name);
  });

  it.each(['', '.a', 'a b', 'a*', 'a#', 'ä', 'a\n', 'x'.repeat(201), 'a/b', undefined, null, 1, {}])(
    'refuses the name %j',
    (name) => {
      const attempt = () => defineTopic({ name: name as string, bizId });
      expect(attempt).toThrow(InvalidTopicError);
      expect(attempt).toThrow('1 to 200 ASCII letters, digits and . _ : -');
      expect(definedTopicNames()).not.toContain(name);
    },
  );

  it('refuses a key that no topic has', () => {
    expect(() => defineTopic({ name: 'order', bizId, ttl: 5 } as never)).toThrow(
      'Topic order: ttl is nothing that a topic has. Known are name, bizId, schema.',
    );
  });

  it.each([undefined, null, 'paymentId', {}])('refuses the bizId %j', (wrong) => {
    expect(() => defineTopic({ name: 'order', bizId: wrong as never })).toThrow(
      /Topic order: bizId must be a function that reads the biz-id from the payload/,
    );
  });

  it.each([null, {}, 'zod', { '~standard': {} }])('refuses the schema %j', (schema) => {
    expect(() => defineTopic({ name: 'order', bizId, schema: schema as never })).toThrow(
      /Topic order: schema must be a Standard Schema/,
    );
  });

  it('takes any Standard Schema, also one that is a function as those of arktype are', () => {
    const zod = z.string();
    const callable = Object.assign(() => undefined, { '~standard': zod['~standard'] });
    expect(defineTopic({ name: 'order', bizId, schema: zod }).schema).toBe(zod);
    expect(defineTopic({ name: 'order', bizId, schema: callable }).schema).toBe(callable);
  });
});
