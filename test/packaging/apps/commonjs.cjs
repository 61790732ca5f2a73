// A path, past the package's exports: Node 20.19 and later would give require() the ESM copy.
const lib = require('./node_modules/nestjs-idempotent-mq/dist/cjs/index.js');
const testing = require('./node_modules/nestjs-idempotent-mq/dist/cjs/testing/index.js');

import('./one-card.mjs').then(({ issueOneCard }) => issueOneCard(lib, testing));
