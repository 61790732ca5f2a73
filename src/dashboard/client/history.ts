import type { Overview } from '../wire.js';

/** With a look every 2 s, two minutes. */
const KEPT = 60;

export type GroupOverview = Overview['status']['groups'][number];

export function backlogOf({ ready, inFlight, waiting }: GroupOverview): number {
  return ready.value + inFlight.value + waiting.value;
}

export function nameOf({ topic, group }: { topic: string; group: string }): string {
  return `${topic} ${group}`;
}

/** How the backlog of each group was, since the page was opened. */
export class History {
  private series = new Map<string, number[]>();
  private times: number[] = [];

  note({ status }: Overview): void {
    this.times = [...this.times, Date.parse(status.at)].slice(-KEPT);
    // Of groups that are gone nothing is kept.
    this.series = new Map(
      status.groups.map((group) => {
        const name = nameOf(group);
        return [name, [...(this.series.get(name) ?? []), backlogOf(group)].slice(-KEPT)];
      }),
    );
  }

  of(group: GroupOverview): readonly number[] {
    return this.series.get(nameOf(group)) ?? [];
  }

  /** How fast it grows a second, over the last looks; all processes together. Undefined before there are some. */
  trend(group: GroupOverview): number | undefined {
    const values = this.of(group).slice(-6);
    const times = this.times.slice(-values.length);
    if (values.length < 3) return undefined;
    const seconds = (times.at(-1)! - times[0]!) / 1_000;
    return seconds > 0 ? (values.at(-1)! - values[0]!) / seconds : undefined;
  }
}
