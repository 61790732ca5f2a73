import { Injectable } from '@nestjs/common';

/** Stands for a service that a handler asks before it writes. */
@Injectable()
export class CardPrinter {
  busy = false;

  isBusy(): boolean {
    return this.busy;
  }
}
