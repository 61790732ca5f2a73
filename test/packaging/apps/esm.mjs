import * as lib from 'nestjs-idempotent-mq';
import { issueOneCard } from './one-card.mjs';

await issueOneCard(lib);
