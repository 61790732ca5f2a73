import { Body, Controller, Headers, HttpCode, Post } from '@nestjs/common';
import { Push } from './entities.js';
// #region webhook
import { IdempotentExecutor } from '../../src/index.js';

@Controller('webhooks')
export class WebhookController {
  constructor(private readonly once: IdempotentExecutor) {}

  @Post('github')
  @HttpCode(200)
  async receive(@Headers('x-github-delivery') deliveryId: string, @Body() body: { ref: string }) {
    const key = { scenario: 'github-webhook', bizId: deliveryId };
    const { executed, result } = await this.once.run(key, async (manager) => {
      await manager.insert(Push, { deliveryId });
      return { accepted: body.ref };
    });
    return { ...result, repeated: !executed };
  }
}
// #endregion
