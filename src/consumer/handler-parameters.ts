/**
 * How Nest is told of a handler's payload: without such metadata it runs no pipes. The payload goes through them like a
 * request's body. The delivery isn't mentioned, so that no pipe gets to see it, let alone to transform it.
 */
export const PARAMETERS_METADATA = 'nestjs-idempotent-mq:parameters';

/** RouteParamtypes.BODY of Nest. */
const BODY = 3;

export function defineHandlerParameters(target: object, key: string | symbol): void {
  Reflect.defineMetadata(
    PARAMETERS_METADATA,
    { [`${BODY}:0`]: { index: 0, data: undefined, pipes: [] } },
    target.constructor,
    key,
  );
}

/** Where Nest finds the payload. */
export const parametersFactory = {
  exchangeKeyForValue: (_type: number, _data: unknown, [payload]: unknown[]) => payload,
};
