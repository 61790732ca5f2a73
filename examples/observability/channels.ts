// #region channels
import { onEventChannel } from '../../src/index.js';

/** Slow handlers of every module instance in this process. */
export function tellOfSlowHandlers(tell: (line: string) => void): () => void {
  return onEventChannel('acknowledged', ({ event, instance = 'default' }) => {
    if (event.tookMs > 5_000) tell(`${instance}: ${event.group} took ${event.tookMs} ms for ${event.bizId}`);
  });
}
// #endregion
