import { defineTopic } from '../../../src/index.js';

export const WebhookStored = defineTopic<{ deliveryId: string; event: string; action: string | null }>({
  name: 'webhook.stored',
  bizId: (webhook) => webhook.deliveryId,
});
