import { interpose } from '../../src/testing/interpose.js';

/** Who stands in a method's place can go when it likes, and disturbs nobody who stands there too. */
describe('interpose', () => {
  class Greeter {
    private readonly name = 'broker';

    greet(who: string): string {
      return `${this.name} to ${who}`;
    }
  }

  const wrapped = (target: Greeter, mark: string) =>
    interpose(target, 'greet', (greet) => (who) => `${mark}(${greet(who)})`);

  it('lets the last one have the first word', () => {
    const greeter = new Greeter();
    wrapped(greeter, 'a');
    wrapped(greeter, 'b');
    expect(greeter.greet('us')).toBe('b(a(broker to us))');
  });

  it.each<[number[], string[]]>([
    [
      [0, 1, 2],
      ['c(b(broker to us))', 'c(broker to us)', 'broker to us'],
    ],
    [
      [1, 0, 2],
      ['c(a(broker to us))', 'c(broker to us)', 'broker to us'],
    ],
    [
      [2, 0, 1],
      ['b(a(broker to us))', 'b(broker to us)', 'broker to us'],
    ],
  ])('takes each away by itself, in whatever order (%j)', (order, said) => {
    const greeter = new Greeter();
    const undo = ['a', 'b', 'c'].map((mark) => wrapped(greeter, mark));
    const after = order.map((nth) => {
      undo[nth]!();
      // Once more is as good as once.
      undo[nth]!();
      return greeter.greet('us');
    });
    expect(after).toEqual(said);
    expect(Object.hasOwn(greeter, 'greet')).toBe(false);
  });

  it('leaves what an object had as its own', () => {
    const greet = (who: string) => `own to ${who}`;
    const greeter = Object.freeze({ inner: { greet } }).inner;
    interpose(greeter, 'greet', (own) => (who) => `a(${own(who)})`)();
    expect(greeter.greet).toBe(greet);
  });

  it('touches this one object, and not one that has it for its prototype', () => {
    const parent = new Greeter();
    const child = Object.create(parent) as Greeter;
    wrapped(parent, 'a');
    const undo = wrapped(child, 'b');
    expect([parent.greet('us'), child.greet('us')]).toEqual(['a(broker to us)', 'b(a(broker to us))']);
    undo();
    expect(child.greet('us')).toBe('a(broker to us)');
  });

  it('lets a call end that was under way when it was taken away', async () => {
    const greeter = { greet: async (who: string) => `hello ${who}` };
    let go!: () => void;
    const held = new Promise<void>((resolve) => (go = resolve));
    const undo = interpose(greeter, 'greet', (greet) => async (who) => {
      await held;
      return `a(${await greet(who)})`;
    });
    const greeting = greeter.greet('us');
    undo();
    go();
    expect(await greeting).toBe('a(hello us)');
  });
});
