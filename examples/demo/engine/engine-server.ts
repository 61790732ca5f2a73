import { JetstreamServer } from './jetstream-server.js';
import { RabbitmqServer } from './rabbitmq-server.js';

/** The server in the broker's place. It is not the demo's: what it makes there bears a prefix of its own, and goes in the end. */
export interface EngineServer {
  /** For people: "RabbitMQ 3.10.8". */
  readonly name: string;
  readonly prefix: string;
  /** Whether it stores once what it is sent twice. */
  readonly absorbsResends: boolean;
  /** Which campaign kills a server of its own. */
  readonly campaign: string;
  /** Whether these bytes to a client say that a message is stored. */
  hasAck3(bytes: Buffer): boolean;
  /** Whether these bytes to the server say that a delivery is done with. */
  hasAck5(bytes: Buffer): boolean;
  /** How many messages it has still for its groups. */
  left(): Promise<number>;
  /** Nothing of this run stays. */
  remove(): Promise<void>;
}

/** @throws Error where it can't be reached */
export function openServer(url: string): Promise<EngineServer> {
  return url.startsWith('amqp:') ? RabbitmqServer.open(url) : JetstreamServer.open(url);
}
