import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** A RabbitMQ for one test alone, which may be killed and started again on its data. */
export class OwnRabbitmq {
  private constructor(
    readonly url: string,
    private readonly keeper: ChildProcess,
  ) {}

  static async start(): Promise<OwnRabbitmq> {
    const keeper = fork(join(process.cwd(), 'test/servers/rabbitmq-on-call.mjs'), {
      execArgv: [],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    const [{ url }] = (await once(keeper, 'message')) as [{ url: string }];
    return new OwnRabbitmq(url, keeper);
  }

  /** kill -9: what it has not written down is gone. */
  kill(): Promise<void> {
    return this.call('kill');
  }

  startAgain(): Promise<void> {
    return this.call('startAgain');
  }

  /** It takes nothing from publishers any more, as when its memory has run out. */
  runFull(): Promise<void> {
    return this.call('runFull');
  }

  runFree(): Promise<void> {
    return this.call('runFree');
  }

  async close(): Promise<void> {
    const gone = once(this.keeper, 'exit');
    this.keeper.disconnect();
    await gone;
  }

  private async call(what: string): Promise<void> {
    const done = once(this.keeper, 'message');
    this.keeper.send(what);
    await done;
  }
}
