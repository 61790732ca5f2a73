/** Where the reader is: `#/dead-letters?topic=…`. Nothing of it is read by the server. */
export interface Route {
  view: string;
  /** Behind the view: `#/dead-letters/3-17`. */
  id?: string | undefined;
  query: Readonly<Record<string, string>>;
}

export function routeOf(hash: string): Route {
  const [path = '', search = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  const [view = '', id] = path.split('/').map(decode);
  return { view, id, query: Object.fromEntries(new URLSearchParams(search)) };
}

export function hashOf(view: string, id?: string, query: Record<string, string | undefined> = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value) search.set(name, value);
  const tail = id === undefined ? '' : `/${encodeURIComponent(id)}`;
  return `#/${view}${tail}${search.size > 0 ? `?${search.toString()}` : ''}`;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
