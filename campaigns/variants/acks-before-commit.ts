import { setTimeout as pause } from 'node:timers/promises';
import type { Variant } from './variant.js';

/** How much later it stores what it has acknowledged, in milliseconds. */
const LATER_MS = 200;

/** An instance of the service that acknowledges what it is about to store. */
export const acksBeforeCommit: Variant = {
  name: 'acks-before-commit',
  damage: 'lost',
  campaigns: ['instances'],
  shapes: [2],
  engines: ['sqlite', 'mariadb', 'mysql', 'postgres'],
  instance: (broker) => {
    const send = broker.send.bind(broker);
    broker.send = async (shipment) => {
      void pause(LATER_MS)
        .then(() => send(shipment))
        .catch(() => undefined);
      return shipment.messages.map(() => ({ kind: 'landed' }));
    };
  },
};
