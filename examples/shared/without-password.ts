/** A URL, or what was meant to be one, as it may be shown. */
export function withoutPassword(url: string): string {
  return url.replace(/^(\w+:\/\/)?.*@/s, '$1***@');
}
