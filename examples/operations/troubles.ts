import { setTimeout as pause } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import type { CardPress } from '../demo/card-system/card-press.js';
import type { SmsGateway } from '../demo/card-system/sms-gateway.js';

export const JAMS_ONE_IN = 5;
export const UNKNOWN_NUMBER = 'u-3';

const EMBOSSING_MS = 2;

/** What works when it is tried again. */
@Injectable()
export class JammingPress implements CardPress {
  private embossed = 0;

  async emboss(): Promise<void> {
    await pause(EMBOSSING_MS);
    if (++this.embossed % JAMS_ONE_IN === 0) throw new Error('The press is jammed.');
  }
}

export class UnknownNumberError extends Error {}

/** What never works, however often it is tried. */
@Injectable()
export class PickyGateway implements Pick<SmsGateway, 'send'> {
  async send(to: string): Promise<void> {
    if (to === UNKNOWN_NUMBER) throw new UnknownNumberError(`${to} has no number that an SMS could go to.`);
  }
}
