import { createRequire } from 'node:module';
import * as lib from 'nestjs-idempotent-mq';
import { issueOneCard } from './one-card.mjs';

const require = createRequire(import.meta.url);
const commonjs = require('./node_modules/nestjs-idempotent-mq/dist/cjs/index.js');
const testing = require('./node_modules/nestjs-idempotent-mq/dist/cjs/testing/index.js');
if (commonjs.IdempotentConsumer === lib.IdempotentConsumer) throw new Error('there is only one copy');

await issueOneCard(lib, testing, commonjs);
