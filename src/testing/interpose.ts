type Method = (...args: never[]) => unknown;

/** Puts a function in the place of a method of this one object. @returns how to take it away again */
export function interpose<T extends object, K extends keyof T>(
  target: T,
  name: K,
  make: (original: T[K] & Method) => T[K],
): () => void {
  const own = Object.getOwnPropertyDescriptor(target, name);
  const original = (target[name] as Method).bind(target) as T[K] & Method;
  Object.defineProperty(target, name, {
    value: make(original),
    configurable: true,
    enumerable: own?.enumerable ?? false,
    writable: true,
  });
  return () => {
    if (own) Object.defineProperty(target, name, own);
    else delete target[name];
  };
}
