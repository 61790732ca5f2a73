import { setTimeout as pause } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';

const EMBOSSING_MS = 2;

/** Takes its time, so that a worker may die over it. */
@Injectable()
export class CardPress {
  async emboss(): Promise<void> {
    await pause(EMBOSSING_MS);
  }
}
