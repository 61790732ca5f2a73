export { HttpEndpoint } from './http-endpoint.js';
export { HttpServer, type ListenOptions } from './http-server.js';
export { LandingWatch } from './landing-watch.js';
export { isLoopback } from './loopback.js';
export { mountOn, pathBehind } from './mount.js';
export { openApiDocument } from './openapi.js';
export { operationsOf } from './operations.js';
export { type BrokerToken, Tokens } from './tokens.js';
