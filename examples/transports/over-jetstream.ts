// #region over-jetstream
import { IdempotentMqModule } from '../../src/index.js';
import { jetstream } from '../../src/jetstream/index.js';

export const overJetstream = IdempotentMqModule.forRoot({
  broker: jetstream({ url: 'nats://app:secret@nats.internal:4222' }),
});
// #endregion
