const lib = require('nestjs-idempotent-mq');

import('./one-card.mjs').then(({ issueOneCard }) => issueOneCard(lib));
