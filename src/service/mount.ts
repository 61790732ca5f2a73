import type { IncomingMessage, Server, ServerResponse } from 'node:http';

type Listener = (request: IncomingMessage, response: ServerResponse) => void;

/**
 * Answers what comes to `basePath` on an app's own HTTP server, before the app's body parser, guards, pipes and filters:
 * they are made for people's requests, and would read and change what is a message.
 *
 * @returns how to take it away again
 */
export function mountOn(
  server: Server,
  basePath: string,
  handle: (request: IncomingMessage, response: ServerResponse, path: string) => void,
): () => void {
  const former = server.listeners('request') as Listener[];
  const listener: Listener = (request, response) => {
    const path = pathBehind(basePath, request.url);
    if (path !== undefined) return handle(request, response, path);
    for (const one of former) one.call(server, request, response);
  };
  server.removeAllListeners('request');
  server.on('request', listener);
  return () => {
    server.off('request', listener);
    for (const one of former) server.on('request', one);
  };
}

/** Without the query; undefined for what lies elsewhere. */
export function pathBehind(basePath: string, url = '/'): string | undefined {
  const [path] = url.split('?', 1) as [string];
  return path.startsWith(`${basePath}/`) ? path.slice(basePath.length) : undefined;
}
