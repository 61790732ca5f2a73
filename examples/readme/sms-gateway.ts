import { Injectable } from '@nestjs/common';

/** Stands for somebody else's HTTP API. */
@Injectable()
export class SmsGateway {
  readonly sent: string[] = [];

  async send(userId: string, _text: string, { signal }: { signal: AbortSignal }): Promise<void> {
    signal.throwIfAborted();
    this.sent.push(userId);
  }
}
