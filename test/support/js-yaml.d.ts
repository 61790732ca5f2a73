declare module 'js-yaml' {
  /** @throws YAMLException where it is no YAML */
  export function load(text: string): unknown;
}
