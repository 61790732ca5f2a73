// Starts `program.cjs` beside it, with what others have compiled of it: compiling is most of what a start costs.
const { existsSync, readFileSync, renameSync, writeFileSync } = require('node:fs');
const Module = require('node:module');
const { join } = require('node:path');
const { Script } = require('node:vm');

const filename = join(__dirname, 'program.cjs');
const compiled = join(__dirname, 'program.compiled');

const cachedData = existsSync(compiled) ? readFileSync(compiled) : undefined;
const script = new Script(Module.wrap(readFileSync(filename, 'utf8')), { filename, cachedData });
script.runInThisContext()(exports, require, module, filename, __dirname);

if (!cachedData) {
  void Promise.resolve(module.exports.started).then(() => {
    if (existsSync(compiled)) return;
    // In one piece, whoever is killed when.
    const mine = `${compiled}.${process.pid}`;
    writeFileSync(mine, script.createCachedData());
    renameSync(mine, compiled);
  });
}
