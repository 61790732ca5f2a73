import { OwnEngine } from './own-engine.js';

/** A RabbitMQ for one test alone. */
export class OwnRabbitmq extends OwnEngine {
  static async start(): Promise<OwnRabbitmq> {
    return new OwnRabbitmq(...(await this.begin('rabbitmq-on-call.mjs')));
  }

  /** As its operators do it: what it was making is made then. */
  restart(): Promise<void> {
    return this.call('restart');
  }

  /** It takes nothing from publishers any more, as when its memory has run out. */
  runFull(): Promise<void> {
    return this.call('runFull');
  }

  runFree(): Promise<void> {
    return this.call('runFree');
  }
}
