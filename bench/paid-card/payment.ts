/** The message of every contestant: about 300 bytes of JSON. */
export interface Payment {
  paymentId: string;
  memberId: string;
  amount: number;
  currency: string;
  plan: string;
  method: { kind: string; last4: string; country: string };
  note: string;
}

export function paymentOf(paymentId: string): Payment {
  return {
    paymentId,
    memberId: `M-${paymentId}`,
    amount: 4_900,
    currency: 'EUR',
    plan: 'membership-yearly',
    method: { kind: 'card', last4: '4242', country: 'DE' },
    note: 'Paid at the desk; the card is to be sent to the address on file, together with the welcome letter, within two days.',
  };
}
