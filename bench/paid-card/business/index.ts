import type { Contestant, Place } from '../contestant.js';
import type { Counts } from './counts.js';
import { countBusiness } from './mysql.js';

export function countsOf({ business }: Contestant, place: Place): Promise<Counts> {
  return countBusiness(place, business as 'mariadb');
}
