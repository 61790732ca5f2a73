import type { StageEvent } from './reporter.js';

/** The piece of work that an event begins: a message for a relay, a delivery for a card worker. */
export function begun(event: StageEvent): string | undefined {
  if (event.type === 'sent') return event.innerMsgId;
  return event.type === 'delivered' ? deliveryOf(event) : undefined;
}

/** A payment, a message on its way, or a card that is being issued: the moment at which an accident does most harm. */
export function isDelicate(event: StageEvent): boolean {
  const isOnItsWay = event.type === 'paying' || event.type === 'sent';
  return isOnItsWay || (event.type === 'delivered' && event.group === 'card-issuing');
}

/** Work that somebody had begun before. */
export function isRepeat(event: StageEvent): boolean {
  return (event.type === 'sent' && event.sends > 1) || (event.type === 'delivered' && event.redelivered);
}

/** Something was written to the database that all of them share. */
export function isProgress({ type }: StageEvent): boolean {
  return type === 'landed' || type === 'resend-absorbed' || type === 'acknowledged';
}

/** Takes note of what a process works on. */
export function follow(work: Set<string>, event: StageEvent): void {
  const beginning = begun(event);
  if (beginning !== undefined) work.add(beginning);
  // A relay sends one shipment after the other.
  else if (event.type === 'relayed') work.clear();
  else if (event.type === 'ack-missed' || event.type === 'refused') work.delete(event.innerMsgId);
  else work.delete(deliveryOf(event) ?? '');
}

/** Tells deliveries apart by what a business knows of them. */
function deliveryOf(event: StageEvent): string | undefined {
  return 'bizId' in event && 'group' in event ? `${event.group} ${event.bizId}` : undefined;
}
