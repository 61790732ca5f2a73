/**
 * How Nest is told of a handler's two parameters: without such metadata it runs no pipes. The payload goes through them
 * like a request's body, the delivery like a custom parameter, which ValidationPipe leaves alone.
 */
export const PARAMETERS_METADATA = 'nestjs-idempotent-mq:parameters';

/** RouteParamtypes.BODY and RouteParamtypes.REQUEST of Nest. */
const BODY = 3;
const REQUEST = 0;

export function defineHandlerParameters(target: object, key: string | symbol): void {
  Reflect.defineMetadata(
    PARAMETERS_METADATA,
    {
      [`${BODY}:0`]: { index: 0, data: undefined, pipes: [] },
      [`${REQUEST}:1`]: { index: 1, data: undefined, pipes: [] },
    },
    target.constructor,
    key,
  );
}

/** Where Nest finds the values of the parameters. */
export const parametersFactory = {
  exchangeKeyForValue: (type: number, _data: unknown, args: unknown[]) => (type === BODY ? args[0] : args[1]),
};
