import 'reflect-metadata';
import { CONTESTANTS } from './contestants/index.js';

console.log(JSON.stringify(CONTESTANTS.map(({ name, servers }) => ({ name, servers }))));
