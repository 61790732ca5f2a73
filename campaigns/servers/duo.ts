import { randomBytes } from 'node:crypto';
import { Way } from '../proxy/way.js';
import { Member } from './member.js';

/** A primary and a replica, at one address that always leads to the primary. */
export class Duo {
  private started = 0;
  private replica: Member | undefined;

  private constructor(
    private readonly semiSync: boolean,
    private primary: Member,
    private readonly front: Way,
    readonly url: string,
  ) {}

  static async start(semiSync: boolean): Promise<Duo> {
    const primary = await Member.start(1);
    const password = randomBytes(12).toString('hex');
    // The replica gets it from the primary.
    await primary.sql.query(`CREATE USER 'campaign'@'127.0.0.1' IDENTIFIED BY '${password}'`);
    await primary.sql.query(`GRANT ALL PRIVILEGES ON *.* TO 'campaign'@'127.0.0.1'`);
    const front = await Way.open('mariadb', primary.address);
    return new Duo(semiSync, primary, front, `mariadb://campaign:${password}@127.0.0.1:${front.port}/`);
  }

  /** A new server, which gets everything from the primary. */
  async addReplica(): Promise<void> {
    const replica = await Member.start(++this.started + 1);
    this.replica = replica;
    await replica.follow(this.primary);
    if (this.semiSync) await this.primary.waitForReplica(replica);
  }

  /** The primary is gone, at once and for good. */
  async losePrimary(): Promise<void> {
    this.replica!.loseSight();
    await this.primary.kill();
  }

  async promote(): Promise<void> {
    const [former, next] = [this.primary, this.replica!];
    await next.promote();
    this.primary = next;
    this.replica = undefined;
    this.front.moveTo(next.address);
    await former.close();
  }

  async close(): Promise<void> {
    this.front.close();
    await this.replica?.close();
    await this.primary.close();
  }
}
