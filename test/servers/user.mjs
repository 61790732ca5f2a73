/** Whether this process may install packages. */
export function isRoot() {
  return process.getuid?.() === 0;
}
