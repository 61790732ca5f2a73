import type { IdempotentMqOptions } from '../../src/index.js';

/** What compose.yaml at the top of the repository tells each system. */
export interface SystemEnvironment {
  /** The system's own database. */
  databaseUrl: string;
  broker: NonNullable<IdempotentMqOptions['broker']>;
}

/** @throws Error naming the variable that is missing */
export function readEnvironment(): SystemEnvironment {
  return {
    databaseUrl: variable('DATABASE_URL'),
    broker: { url: variable('BROKER_URL'), token: variable('BROKER_TOKEN') },
  };
}

function variable(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`The variable ${name} is missing: compose.yaml sets it.`);
  return value;
}
