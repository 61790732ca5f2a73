import { createJetstream } from '../../../test/support/jetstream.js';
import type { EngineServer } from './engine-server.js';

export class JetstreamServer implements EngineServer {
  readonly absorbsResends = true;
  readonly campaign = 'campaign:jetstream';
  readonly prefix: string;

  private constructor(
    readonly name: string,
    private readonly own: ReturnType<typeof createJetstream>,
  ) {
    this.prefix = own.prefix;
  }

  static async open(url: string): Promise<JetstreamServer> {
    const own = createJetstream(url);
    // Where JetStream is not enabled, this says so.
    const version = await own.onServer(async (_, number) => number);
    return new JetstreamServer(`NATS JetStream ${version}`, own);
  }

  hasAck3(bytes: Buffer): boolean {
    return bytes.includes(`"stream":"${this.prefix}_`);
  }

  hasAck5(bytes: Buffer): boolean {
    return bytes.includes('$JS.ACK.') && bytes.includes('+ACK');
  }

  async left(): Promise<number> {
    const streams = await this.own.streams();
    return this.own.onServer(async (manager) => {
      let left = 0;
      for (const stream of streams)
        for await (const { num_pending, num_ack_pending } of manager.consumers.list(stream))
          left += num_pending + num_ack_pending;
      return left;
    });
  }

  remove(): Promise<void> {
    return this.own.drop();
  }
}
