// #region over-rabbitmq
import { IdempotentMqModule } from '../../src/index.js';
import { rabbitmq } from '../../src/rabbitmq/index.js';

export const overRabbitmq = IdempotentMqModule.forRoot({
  broker: rabbitmq({ url: 'amqp://app:secret@queue.internal:5672/shop' }),
});
// #endregion
