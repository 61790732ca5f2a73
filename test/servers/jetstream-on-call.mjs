/**
 * A JetStream for one test alone, which says over IPC what is to be done to it: `kill`, `startAgain`. Ends with its parent.
 * Its arguments are lines for its configuration.
 */
import { startJetstream } from './jetstream.mjs';

const server = await startJetstream(
  { signal: new AbortController().signal, log: () => {} },
  process.argv.slice(2),
);

process.on('message', (call) => {
  const calls = { kill: () => server.kill(), startAgain: () => server.startAgain() };
  void calls[/** @type {keyof calls} */ (call)]().then(() => process.send?.({ done: call }));
});
process.on('disconnect', () => void server.stop().then(() => process.exit(0)));
process.send?.({ url: server.url });
