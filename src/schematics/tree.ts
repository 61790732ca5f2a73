/**
 * What is used of the devkit that the Nest CLI runs schematics with. Nothing of it is imported, not even a type: an app in
 * which nobody generates anything has no such package, and one that has it may keep it where only the CLI finds it.
 */
export interface Tree {
  read(path: string): Buffer | null;
  create(path: string, content: string): void;
  getDir(path: string): { readonly subfiles: readonly string[] };
}

export interface Context {
  logger: { info(text: string): void };
}

export type Rule = (tree: Tree, context: Context) => Tree;

/** As the Nest CLI hands them over, with the defaults of schema.json. */
export interface Options {
  name: string;
  path?: string;
  sourceRoot: string;
  flat: boolean;
  spec: boolean;
  specFileSuffix: string;
}
