/**
 * What a transport gives. What it does not give, it says: using it is an error, at start or where it is used, and nothing
 * is made up in its place. docs/transports.md shows one table of all of them.
 */
export interface TransportCapabilities {
  /** A publish, and an effect with its ACK (5), may be one commit with the broker's part. */
  readonly oneCommit: boolean;
  /** What a relay sends again under one inner-msg-id is stored once. Without it a repeat travels on, and the biz-id absorbs it. */
  readonly absorbsResends: boolean;
  /** A copy that nobody can tell from a repeat is kept aside for an operator. */
  readonly quarantines: boolean;
  /** A message that no group has subscribed to waits at the broker. Without it, in its sender's outbox, for whoever comes first. */
  readonly parksUnrouted: boolean;
  /** Messages of one topic and ordering key are handled in their order. Without it, `orderingKey` is refused at publish. */
  readonly ordersKeys: boolean;
  /** Groups may be paused, and limited over all processes. */
  readonly limitsGroups: boolean;
  /** It notices that an outbox was restored from a backup. */
  readonly noticesRestoredOutbox: boolean;
  /** Any process can ask what may still come. Without it, only one that consumes the group knows, and so forgets. */
  readonly knowsUnfinished: boolean;
  /** A process that died is noticed as soon as its connection is, not only when its leases have run out. */
  readonly noticesLostConsumers: boolean;
}

export type TransportCapability = keyof TransportCapabilities;

/** The broker's tables in a database, whether this process reaches them or a service does. */
export const OWN_BROKER: TransportCapabilities = {
  oneCommit: false,
  absorbsResends: true,
  quarantines: true,
  parksUnrouted: true,
  ordersKeys: true,
  limitsGroups: true,
  noticesRestoredOutbox: true,
  knowsUnfinished: true,
  noticesLostConsumers: false,
};
