import type { Publish } from './histories.js';
import type { Rows } from './rows.js';

/** `publisher-1.3/2-17`: the 17th payment under that ordering key. Others have no key. */
const WITH_KEY = /^(.+\/\d+)-(\d+)$/;

/**
 * Payments of a key are made one after the other, so a card must not come before that of a payment that was acknowledged
 * before. One whose outcome its publisher doesn't know may still be on its way to COMMIT, beside the next one. One that has
 * been a dead letter may be overtaken.
 */
export function findDisordered(
  publishes: ReadonlyMap<string, Publish>,
  { issued, deaths }: Pick<Rows, 'issued' | 'deaths'>,
  group: string,
): string[] {
  const places = new Map<string, number>();
  for (const [place, card] of issued.entries()) {
    if (card.group === group && !places.has(card.payment)) places.set(card.payment, place);
  }
  const dead = new Set(deaths.filter((death) => death.group === group).map(({ payment }) => payment));
  const found: string[] = [];
  for (const ids of inOrderOfKeys(publishes.keys())) {
    let former: { id: string; place: number } | undefined;
    for (const id of ids) {
      const place = places.get(id);
      if (place === undefined) continue;
      if (former && place < former.place) found.push(`${id}: a card of ${group} before that of ${former.id}`);
      else if (publishes.get(id)!.outcome === 'acknowledged' && !dead.has(id)) former = { id, place };
    }
  }
  return found;
}

/** The payments of each key, in their order. */
export function inOrderOfKeys(ids: Iterable<string>): string[][] {
  const keys = new Map<string, { id: string; number: number }[]>();
  for (const id of ids) {
    const [, key, number] = WITH_KEY.exec(id) ?? [];
    if (key === undefined) continue;
    const ofKey = keys.get(key) ?? [];
    ofKey.push({ id, number: Number(number) });
    keys.set(key, ofKey);
  }
  return [...keys.values()].map((ofKey) => ofKey.sort((a, b) => a.number - b.number).map(({ id }) => id));
}
