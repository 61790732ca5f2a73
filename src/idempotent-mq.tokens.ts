import { BrokerService } from './broker/index.js';
import { Forgetting, IdempotentExecutor } from './consumer/index.js';
import { IdempotentMqEvents } from './events/index.js';
import { IdempotentMqOperations } from './operate/index.js';

/*
 * The injection tokens of a named instance; the class itself for the instance without a name. Symbol.for, so that the
 * ESM and the CommonJS copy of this file mean the same ones.
 */

export function getBrokerServiceToken(name?: string) {
  return name === undefined ? BrokerService : Symbol.for(`nestjs-idempotent-mq:BrokerService:${name}`);
}

export function getForgettingToken(name?: string) {
  return name === undefined ? Forgetting : Symbol.for(`nestjs-idempotent-mq:Forgetting:${name}`);
}

export function getIdempotentExecutorToken(name?: string) {
  return name === undefined
    ? IdempotentExecutor
    : Symbol.for(`nestjs-idempotent-mq:IdempotentExecutor:${name}`);
}

export function getIdempotentMqEventsToken(name?: string) {
  return name === undefined
    ? IdempotentMqEvents
    : Symbol.for(`nestjs-idempotent-mq:IdempotentMqEvents:${name}`);
}

export function getIdempotentMqOperationsToken(name?: string) {
  return name === undefined
    ? IdempotentMqOperations
    : Symbol.for(`nestjs-idempotent-mq:IdempotentMqOperations:${name}`);
}

/** For what looks behind what apps see: metrics, health checks, the library's own testing kit. */
export function getRuntimeToken(name = '') {
  return Symbol.for(`nestjs-idempotent-mq:runtime:${name}`);
}

/** The same of the broker as a service. */
export function getBrokerRuntimeToken() {
  return Symbol.for('nestjs-idempotent-mq:broker-runtime');
}
