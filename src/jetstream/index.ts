/** What users import as `nestjs-idempotent-mq/jetstream`. Needs the packages @nats-io/transport-node and @nats-io/jetstream. */
export { jetstream } from './jetstream.js';
export type { JetstreamOptions } from './jetstream.options.js';
