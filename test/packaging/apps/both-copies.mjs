import { createRequire } from 'node:module';
import * as lib from 'nestjs-idempotent-mq';
import { issueOneCard } from './one-card.mjs';

const commonjs = createRequire(import.meta.url)('./node_modules/nestjs-idempotent-mq/dist/cjs/index.js');
if (commonjs.IdempotentConsumer === lib.IdempotentConsumer) throw new Error('there is only one copy');

await issueOneCard(lib, commonjs);
