import { ConflictException, Injectable } from '@nestjs/common';
import { IdempotentExecutor } from '../../src/index.js';
import { Entry } from './entry.js';

// #region invoice-inbox
@Injectable()
export class InvoiceInbox {
  constructor(private readonly once: IdempotentExecutor) {}

  async take(idempotencyKey: string, body: { invoiceId: string; cents: number }): Promise<boolean> {
    const key = { scenario: 'invoice-inbox', bizId: idempotencyKey };
    try {
      const { executed } = await this.once.run(
        key,
        (manager) => manager.insert(Entry, { ...body, currency: 'EUR' }).then(() => undefined),
        { fingerprint: body },
      );
      return executed;
    } catch (error) {
      if ((error as { code?: string }).code !== 'BIZ_ID_CONFLICT') throw error;
      throw new ConflictException('This key came before, with another body.');
    }
  }
}
// #endregion
