import { randomBytes } from 'node:crypto';
import { InnerMsgIds } from '../../publisher/inner-msg-id.js';
import type { SendAnswer, SentMessage, Transport } from '../../transport/port.js';
import { broken } from './contract-group.js';

/** An outbox with its relay, as a transport sees them. */
export class ContractSender {
  private readonly ids = new InnerMsgIds();
  private readonly origin = randomBytes(16);
  private claims = 0;

  message(topic: string, bizId: string, more: Partial<SentMessage> = {}): SentMessage {
    return {
      topic,
      innerMsgId: this.ids.next(),
      bizId: Buffer.from(bizId),
      body: Buffer.from(JSON.stringify({ id: bizId })),
      headers: null,
      expiresAt: undefined,
      ...more,
    };
  }

  async send(transport: Transport, messages: readonly SentMessage[]): Promise<SendAnswer[]> {
    const answers = await transport.send({ origin: this.origin, claims: ++this.claims, messages });
    if (answers.length === messages.length) return answers;
    throw broken(`send() answered ${messages.length} messages with ${answers.length} answers`);
  }

  /** @throws AssertionError when one of them is not landed */
  async land(transport: Transport, messages: readonly SentMessage[]): Promise<void> {
    const others = (await this.send(transport, messages)).filter(({ kind }) => kind !== 'landed');
    if (others.length > 0)
      throw broken(`send() answered ${JSON.stringify(others[0])} where nothing was in the way`);
  }
}
