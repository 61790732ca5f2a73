import { Body, Controller, Headers, HttpCode, Inject, Post } from '@nestjs/common';
import { IdempotentExecutor, OutboxPublisher } from '../../../src/index.js';
import { WebhookStored } from './webhook-stored.js';
import { Webhook } from './webhook.entity.js';

export interface Receipt {
  stored: 'now' | 'before';
}

@Controller('webhooks')
export class GithubWebhooksController {
  constructor(
    @Inject(IdempotentExecutor) private readonly executor: IdempotentExecutor,
    @Inject(OutboxPublisher) private readonly outbox: OutboxPublisher,
  ) {}

  /** GitHub posts a delivery again when the answer didn't reach it, and whenever somebody presses "Redeliver". */
  @Post('github')
  @HttpCode(200)
  async receive(
    @Headers('x-github-delivery') deliveryId: string,
    @Headers('x-github-event') event: string,
    @Body() payload: { action?: string },
  ): Promise<Receipt> {
    const { executed } = await this.executor.run(
      { scenario: 'github.webhook', bizId: deliveryId },
      async (manager) => {
        await manager.insert(Webhook, { deliveryId, event, payload: JSON.stringify(payload) });
        await this.outbox.publish(WebhookStored, { deliveryId, event, action: payload.action ?? null });
      },
    );
    return { stored: executed ? 'now' : 'before' };
  }
}
