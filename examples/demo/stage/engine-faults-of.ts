import { n } from '../../shared/table.js';
import { CUTS, type CutKind } from '../engine/cuts.js';
import type { Fault } from './faults.js';
import type { Results } from './results.js';

type EngineResults = NonNullable<Results['engine']>;
type About = { label: string; note: (results: EngineResults) => string; never: string };

const ABOUT: Record<CutKind, About> = {
  'ack-3': {
    label: 'ACK 3 cut off',
    note: ({ name }) => `${name} had stored it; the connection was cut with its ACK on the way`,
    never: 'no connection was cut with an ACK 3 on its way',
  },
  'ack-5': {
    label: 'ACK 5 cut off',
    note: () => 'the same the other way; the card was issued, or the SMS sent',
    never: 'no connection was cut with an ACK 5 on its way',
  },
  any: {
    label: 'all cut off',
    note: ({ connectionsCut }) => `whatever was under way; ${n(connectionsCut)} connections were cut in all`,
    never: 'the systems were not cut off all at once',
  },
};

/** What became of the connections to an engine. */
export function engineFaultsOf(engine: EngineResults): Fault[] {
  return CUTS.map((kind) => {
    const { label, note, never } = ABOUT[kind];
    return { row: [label, engine.cuts.counts[kind], note(engine)], least: engine.cuts.wanted, never };
  });
}

/** The faults of other shapes that can't be made with an engine, and why. */
export function notMadeWith({ engine, faults }: Results): string[] {
  if (!engine) return [];
  const { name, campaign, absorbsResends } = engine;
  return [
    `The broker is not killed: the server of ${name} is not the demo's. npm run ${campaign} kills one of its own.`,
    `No answer to an ACK 5 is lost: what goes to ${name} has none.`,
    ...(absorbsResends
      ? []
      : [`No repeat is absorbed by the broker: ${name} does not know what it was sent before.`]),
    ...(faults.relays?.wanted.pauses === 0
      ? ['No relay is paused past its lease: the run is too short.']
      : []),
  ];
}
