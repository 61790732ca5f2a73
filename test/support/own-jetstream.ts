import { OwnEngine } from './own-engine.js';

/** A NATS server with JetStream for one test alone. */
export class OwnJetstream extends OwnEngine {
  static async start(): Promise<OwnJetstream> {
    return new OwnJetstream(...(await this.begin('jetstream-on-call.mjs')));
  }
}
