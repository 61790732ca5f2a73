import { setTimeout as pause } from 'node:timers/promises';
import { RETENTION_MS } from './times.js';
import type { SimulatedVariant } from './variants.js';

const LOOKS_MS = 10_000;
const NOW = `unixepoch('now', 'subsec') * 1000000`;

/** A row of the dedup log goes when it is old enough, whatever can still come. */
export const forgetsByAge: SimulatedVariant = {
  name: 'forgets-by-age',
  damage: 'doubled',
  shapes: [1, 2],
  forgetIn: ({ business }) => {
    const forget = async () => {
      for (;;) {
        await pause(LOOKS_MS);
        const old = `DELETE FROM mq_dedup WHERE created_at < ${NOW} - ${RETENTION_MS * 1000}`;
        await business.dataSource.query(old).catch(() => undefined);
      }
    };
    void forget();
  },
};
