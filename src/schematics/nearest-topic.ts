import { posix } from 'node:path';
import { extensionIn } from './place.js';
import type { Tree } from './tree.js';

/** A topic that consumers are generated for. */
export interface FoundTopic {
  /** What it is exported as. */
  name: string;
  /** How the consumer imports it. */
  from: string;
}

/** In the consumer's folder, or the next one above it that has any. */
export function nearestTopic(tree: Tree, folder: string): FoundTopic {
  for (let above = folder; ; above = posix.dirname(above)) {
    for (const file of [...tree.getDir(above).subfiles].sort()) {
      if (!file.endsWith('.topic.ts')) continue;
      const path = posix.join(above, file);
      const [, name] = /export const (\w+) = defineTopic\b/.exec(tree.read(path)!.toString()) ?? [];
      if (name) return { name, from: importOf(path, folder) + extensionIn(tree) };
    }
    if (above === '/') break;
  }
  throw new Error(
    `There is no *.topic.ts that defines a topic in ${folder}, and none above it. Generate one, and the consumer below it: ` +
      `"topic payment", then "consumer payment/card-issuing".`,
  );
}

function importOf(file: string, folder: string): string {
  const path = posix.relative(folder, file).replace(/\.ts$/, '');
  return path.startsWith('.') ? path : `./${path}`;
}
