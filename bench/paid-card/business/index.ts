import type { Contestant, Place } from '../contestant.js';
import type { Counts } from './counts.js';
import { countBusiness } from './mysql.js';
import { countBusiness as countInPostgres } from './postgres.js';

export function countsOf({ business }: Contestant, place: Place): Promise<Counts> {
  return business === 'postgres' ? countInPostgres(place) : countBusiness(place, business);
}
