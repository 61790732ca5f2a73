import type { Receipt } from '../inbox/github-webhooks.controller.js';
import type { Delivery } from './deliveries.js';

/** Posts them from several clients at once, each taking the next one. @returns what the inbox answered */
export async function postAll(url: string, posts: readonly Delivery[], clients: number): Promise<Receipt[]> {
  const left = posts.values();
  const receipts: Receipt[] = [];
  const client = async () => {
    // One iterator for all of them.
    for (const delivery of left) receipts.push(await post(url, delivery));
  };
  await Promise.all(Array.from({ length: clients }, client));
  return receipts;
}

async function post(url: string, { id, event, payload }: Delivery): Promise<Receipt> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-github-delivery': id, 'x-github-event': event },
    body: JSON.stringify(payload),
  });
  if (!answer.ok) throw new Error(`The inbox answered ${answer.status} to ${id}: ${await answer.text()}`);
  return (await answer.json()) as Receipt;
}
