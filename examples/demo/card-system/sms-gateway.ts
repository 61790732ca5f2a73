import { appendFile } from 'node:fs/promises';
import { Inject, Injectable } from '@nestjs/common';

export const SMS_LOG = Symbol('SMS_LOG');

/** Stands for another company's HTTP endpoint: what went out is out, whatever becomes of the sender. */
@Injectable()
export class SmsGateway {
  constructor(@Inject(SMS_LOG) private readonly log: string) {}

  async send(to: string, text: string): Promise<void> {
    await appendFile(this.log, `${to}: ${text}\n`);
  }
}
