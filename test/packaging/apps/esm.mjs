import * as lib from 'nestjs-idempotent-mq';
import * as testing from 'nestjs-idempotent-mq/testing';
import { issueOneCard } from './one-card.mjs';

await issueOneCard(lib, testing);
