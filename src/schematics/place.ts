import { posix } from 'node:path';
import type { Options, Tree } from './tree.js';

/** What is generated, and where. */
export interface Place {
  /** As it was asked for, without folders: payment.succeeded */
  name: string;
  /** Of the file: payment-succeeded */
  kebab: string;
  /** Of the class: PaymentSucceeded */
  pascal: string;
  folder: string;
}

/** The folder is the one in which Nest's own schematics would put it. */
export function placeOf({ name: path, path: below = '', sourceRoot, flat }: Options): Place {
  const name = posix.basename(path);
  if (!/^[A-Za-z][A-Za-z0-9]*([._-][A-Za-z0-9]+)*$/.test(name)) {
    throw new Error(
      `A name is made of letters and digits with '.', '_' or '-' between them, and begins with a letter (got ${JSON.stringify(name)}).`,
    );
  }
  const kebab = name.replace(/[._]/g, '-');
  const pascal = kebab.replace(/(?:^|-)(.)/g, (_, letter: string) => letter.toUpperCase());
  const around = posix.join('/', sourceRoot, below, posix.dirname(path));
  return { name, kebab, pascal, folder: flat ? around : posix.join(around, kebab) };
}

/** What an import of a file of the app ends with. */
export function extensionIn(tree: Tree): '.js' | '' {
  const manifest = JSON.parse(tree.read('/package.json')?.toString() ?? '{}') as { type?: string };
  return manifest.type === 'module' ? '.js' : '';
}
