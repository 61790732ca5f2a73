import { BrokerRefusedError, describeError } from '../../errors/index.js';

/** It does not pass by itself, so an app is better told of it at its start. */
export function refusedLogin(name: string, cause: unknown): BrokerRefusedError {
  return new BrokerRefusedError(
    `The broker (${name}) does not let this process in: ${describeError(cause).replace(/\.$/, '')}. Check the user and the password of url in the option broker, or whatever else it is given to log in with.`,
    undefined,
    { cause },
  );
}
