type Method = (...args: never[]) => unknown;

/** What stands in place of one method of one object: the method itself, and what was put before it, the last one first in line. */
interface Line {
  readonly target: object;
  readonly methods: Method[];
  /** Leaves the object as it was. */
  readonly restore: () => void;
}

const LINE: unique symbol = Symbol.for('nestjs-idempotent-mq.interposed');

/**
 * Puts a function in the place of a method of this one object. Several may stand there, and each may be taken away when it
 * likes: what it calls is the one behind it.
 *
 * @returns how to take it away again
 */
export function interpose<T extends object, K extends keyof T>(
  target: T,
  name: K,
  make: (original: T[K] & Method) => T[K],
): () => void {
  const { methods, restore } = lineOf(target, name);
  // Of what was taken away while it was at work, the method itself is left.
  const behind: Method = (...args) => methods[Math.max(0, methods.indexOf(own) - 1)]!(...args);
  const own = make(behind as T[K] & Method) as Method;
  methods.push(own);
  return () => {
    const place = methods.indexOf(own);
    if (place < 0) return;
    methods.splice(place, 1);
    if (methods.length === 1) restore();
  };
}

function lineOf(target: object, name: PropertyKey): Line {
  const method = Reflect.get(target, name) as Method & { [LINE]?: Line };
  const line = method[LINE];
  // It may be the prototype's.
  return line?.target === target ? line : begin(target, name, method);
}

function begin(target: object, name: PropertyKey, method: Method): Line {
  const own = Object.getOwnPropertyDescriptor(target, name);
  const methods: Method[] = [method.bind(target)];
  const line: Line = {
    target,
    methods,
    restore() {
      if (own) Object.defineProperty(target, name, own);
      else Reflect.deleteProperty(target, name);
    },
  };
  const first: Method = (...args) => methods.at(-1)!(...args);
  Object.defineProperty(target, name, {
    value: Object.assign(first, { [LINE]: line }),
    configurable: true,
    enumerable: own?.enumerable ?? false,
    writable: true,
  });
  return line;
}
