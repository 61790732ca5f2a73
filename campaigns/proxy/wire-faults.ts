import type { HttpMessage } from '../../examples/demo/wire/http-messages.js';
import type { Fate, Fates } from '../../examples/demo/wire/line.js';
import { NetworkFaults } from '../../examples/demo/wire/network-faults.js';
import type { Seeded } from '../seeded.js';

/** Of the ACKs, how many are lost with each repeat of theirs. */
const LOSES_ACK_5 = 0.1;

/** What the network between clients and the broker service does, as the seed says. */
export class WireFaults extends NetworkFaults implements Fates {
  /** Tokens of leases whose ACK 5 is lost, as long as they are leases. */
  private readonly doomed = new Set<string>();

  constructor(
    wanted: number,
    private readonly chance: Seeded,
  ) {
    super(wanted, () => chance.next());
  }

  /** How often the one happened that did so least. */
  get least(): number {
    return Math.min(...Object.values(this.counts));
  }

  fateOf(operation: string, { body }: HttpMessage): Fate | undefined {
    if (operation !== 'acknowledge') return undefined;
    const { leases } = JSON.parse(body.toString('utf8')) as { leases: { token: string }[] };
    const isRepeat = leases.some(({ token }) => this.doomed.has(token));
    if (!isRepeat && (this.isCalm || !this.chance.chance(LOSES_ACK_5))) return undefined;
    for (const { token } of leases) this.doomed.add(token);
    return { fault: 'ack-5-lost', isRepeat };
  }

  befell(): void {}

  learn(): void {}
}
