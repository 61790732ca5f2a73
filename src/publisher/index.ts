export * from './inner-msg-id.js';
export * from './outbox-publisher.js';
export type { JoinTransactionOptions, PublishOptions } from './publish-options.js';
export type { TimingOptions } from './timing.js';
export * from './publisher.tokens.js';
export * from './outbox.js';
export * from './outbox-claims.js';
export * from './relay.js';
export * from './watching-unrelayed.js';
