import { allContestants } from './contestants/index.js';

console.log(JSON.stringify((await allContestants()).map(({ name, servers }) => ({ name, servers }))));
