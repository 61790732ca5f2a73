import { OwnEngine } from './own-engine.js';

/** A NATS server with JetStream for one test alone. */
export class OwnJetstream extends OwnEngine {
  /** @param settings lines for its configuration */
  static async start(settings: readonly string[] = []): Promise<OwnJetstream> {
    return new OwnJetstream(...(await this.begin('jetstream-on-call.mjs', settings)));
  }
}
