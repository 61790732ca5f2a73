import { Injectable } from '@nestjs/common';
import { DeliveryContext, IdempotentConsumer, type PayloadOf } from '../../../src/index.js';
import { Activity } from './activity.entity.js';
import { WebhookStored } from './webhook-stored.js';

@Injectable()
export class ActivityFeed {
  @IdempotentConsumer(WebhookStored, { group: 'activity-feed' })
  async add({ deliveryId, event, action }: PayloadOf<typeof WebhookStored>, { manager }: DeliveryContext) {
    await manager.insert(Activity, { deliveryId, what: action ? `${event} ${action}` : event });
  }
}
