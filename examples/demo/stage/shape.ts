/** Whose data is where, and how they reach each other. */
export type Shape =
  /** Payment system, broker and card system share a database: no ACK travels. */
  | 'together'
  /** A database each, and everybody reaches the broker's. */
  | 'apart'
  /** A database each, and the broker is a service. */
  | 'over-the-network'
  /** A database for each of the two systems, and an engine in the broker's place: RabbitMQ, or NATS JetStream. */
  | 'through-an-engine';
