import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** An engine for one test alone, which may be killed and started again on its data. */
export class OwnEngine {
  protected constructor(
    readonly url: string,
    private readonly keeper: ChildProcess,
  ) {}

  /** @param program of test/servers, which does to its server what it is told over IPC */
  protected static async begin(
    program: string,
    settings: readonly string[] = [],
  ): Promise<[url: string, keeper: ChildProcess]> {
    const keeper = fork(join(process.cwd(), 'test/servers', program), settings, {
      execArgv: [],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    const [{ url }] = (await once(keeper, 'message')) as [{ url: string }];
    return [url, keeper];
  }

  /** kill -9: what it has not written down is gone. */
  kill(): Promise<void> {
    return this.call('kill');
  }

  startAgain(): Promise<void> {
    return this.call('startAgain');
  }

  async close(): Promise<void> {
    const gone = once(this.keeper, 'exit');
    this.keeper.disconnect();
    await gone;
  }

  protected async call(what: string): Promise<void> {
    const done = once(this.keeper, 'message');
    this.keeper.send(what);
    await done;
  }
}
