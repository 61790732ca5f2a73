import { Injectable } from '@nestjs/common';
import { IdempotentMqEvents } from '../../src/index.js';

@Injectable()
export class Oncall {
  readonly pages: string[] = [];

  page(text: string): void {
    this.pages.push(text);
  }
}

// #region pager
@Injectable()
export class Pager {
  constructor(events: IdempotentMqEvents, oncall: Oncall) {
    events
      .of('dead-lettered', 'torn')
      .subscribe(({ type, bizId, error }) => oncall.page(`${type}: ${bizId}: ${error}`));
  }
}
// #endregion
