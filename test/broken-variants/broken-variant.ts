import type { Type } from '@nestjs/common';
import { type Engine, engines } from '../support/engines.js';
import { CardIssuing, type Damage, type Issuing, NO_DAMAGE, Shop } from './shop.js';

export interface BrokenVariant {
  /** What happens, as the first words of a test's name. */
  story: string;
  /** Makes it happen, step by step: it leaves nothing to chance, so one run decides. */
  play(shop: Shop): Promise<void>;
  /** Puts the broken function in the place of the library's own. */
  breakIt(shop: Shop): void;
  /** What that costs the business, which the library as it is costs nothing. */
  damage(engine: Engine): Partial<Damage>;
  /** Who issues the cards. */
  issuing?: Type<Issuing>;
  groups?: string[];
}

/**
 * Shows that a story can tell the library from a variant with one module replaced: without the second test nobody knows
 * whether the first one could fail.
 */
export function describeBrokenVariant(name: string, variant: BrokenVariant): void {
  const { story, issuing = CardIssuing } = variant;

  describe.each(engines)(`${story}, on %s`, (engine) => {
    let shop: Shop;

    beforeEach(async () => {
      shop = await Shop.open(engine, issuing);
    });

    afterEach(async () => {
      await shop.close();
      jest.restoreAllMocks();
    });

    const damage = variant.damage(engine);

    it('costs the business nothing', async () => {
      await variant.play(shop);
      expect(await shop.damage(variant.groups)).toEqual(NO_DAMAGE);
    });

    it(`costs it ${inWords(damage)} with ${name}`, async () => {
      variant.breakIt(shop);
      await variant.play(shop);
      expect(await shop.damage(variant.groups)).toEqual({ ...NO_DAMAGE, ...damage });
    });
  });
}

function inWords(damage: Partial<Damage>): string {
  const parts = Object.entries(damage).map(([kind, count]) => `${count} ${kind}`);
  return parts.join(' and ') || 'nothing either';
}

/** Whoever comes waits here until so many have come. */
export class Meeting {
  private arrived = 0;
  private open!: () => void;
  private readonly complete = new Promise<void>((resolve) => (this.open = resolve));

  constructor(private readonly people: number) {}

  async arrive(): Promise<void> {
    if (++this.arrived >= this.people) this.open();
    await this.complete;
  }
}
