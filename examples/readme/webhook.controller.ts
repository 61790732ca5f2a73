import { BadRequestException, Body, Controller, Headers, HttpCode, Post } from '@nestjs/common';
import { Push } from './entities.js';
// #region webhook
import { IdempotentExecutor } from '../../src/index.js';

@Controller('webhooks')
export class WebhookController {
  constructor(private readonly once: IdempotentExecutor) {}

  @Post('github')
  @HttpCode(200)
  async receive(@Body() body: { ref: string }, @Headers('x-github-delivery') deliveryId?: string) {
    if (!deliveryId) throw new BadRequestException('X-GitHub-Delivery is missing');
    const key = { scenario: 'github-webhook', bizId: deliveryId };
    const { executed, result } = await this.once.run(key, async (manager) => {
      await manager.insert(Push, { deliveryId });
      return { accepted: body.ref };
    });
    return { ...result, repeated: !executed };
  }
}
// #endregion
