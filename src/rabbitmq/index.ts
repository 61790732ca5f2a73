/** What users import as `nestjs-idempotent-mq/rabbitmq`. Needs the package amqplib. */
export { rabbitmq } from './rabbitmq.js';
export type { RabbitmqOptions } from './rabbitmq.options.js';
