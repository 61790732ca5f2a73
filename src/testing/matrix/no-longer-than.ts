/** Waits until something has happened, but no longer than this. Leaves no timer behind, which would keep a test from ending. */
export async function noLongerThan(ms: number, happened: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const enough = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([happened, enough]).finally(() => clearTimeout(timer));
}
