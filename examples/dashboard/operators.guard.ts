// #region operators-guard
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type CanActivate, type ExecutionContext, Injectable, UnauthorizedException } from '@nestjs/common';

/** A login by the browser itself, for a start. Where your app has one of its own, use its guard. */
@Injectable()
export class OperatorsGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const http = context.switchToHttp();
    const { authorization = '' } = http.getRequest<IncomingMessage>().headers;
    const [, credentials = ''] = /^basic +(\S+)$/i.exec(authorization) ?? [];
    if (isSame(Buffer.from(credentials, 'base64').toString(), process.env.OPERATORS_LOGIN!)) return true; // 'name:password'
    http.getResponse<ServerResponse>().setHeader('www-authenticate', 'Basic realm="operators"');
    throw new UnauthorizedException();
  }
}

function isSame(given: string, expected: string): boolean {
  const [one, other] = [given, expected].map((text) => createHash('sha256').update(text).digest());
  return timingSafeEqual(one!, other!);
}
// #endregion
