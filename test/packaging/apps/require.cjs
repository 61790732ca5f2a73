const lib = require('nestjs-idempotent-mq');
const testing = require('nestjs-idempotent-mq/testing');

import('./one-card.mjs').then(({ issueOneCard }) => issueOneCard(lib, testing));
