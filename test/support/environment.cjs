const { AsyncLocalStorage } = require('node:async_hooks');
const { TestEnvironment } = require('jest-environment-node');

// Each spec file loads Nest and this library anew, and so makes their AsyncLocalStorages anew. Up to Node 22 every promise
// of the process carries each one that was ever used: a worker that has run 50 files would spend most of its time on that.
const used = new Set();
const enable = AsyncLocalStorage.prototype._enable;
if (enable) {
  AsyncLocalStorage.prototype._enable = function () {
    used.add(this);
    return enable.call(this);
  };
}

/** Node's, and when a file is through, what it had in AsyncLocalStorages goes with it. */
module.exports = class extends TestEnvironment {
  async teardown() {
    await super.teardown();
    for (const storage of used) storage.disable();
    used.clear();
  }
};
