/** A request or an answer, as far as the wire has to know it. */
export interface HttpMessage {
  /** All of it, as it came. */
  bytes: Buffer;
  /** The first line. */
  line: string;
  body: Buffer;
}

const HEAD_ENDS = '\r\n\r\n';

/**
 * Cuts what comes on a connection into messages. Both sides of this protocol send a content-length, and one request at a
 * time.
 *
 * @returns what is to be given each chunk
 */
export function httpMessages(onMessage: (message: HttpMessage) => void): (chunk: Buffer) => void {
  let bytes: Buffer = Buffer.alloc(0);
  return (chunk) => {
    bytes = Buffer.concat([bytes, chunk]);
    for (let message = firstOf(bytes); message; message = firstOf(bytes)) {
      bytes = bytes.subarray(message.bytes.length);
      onMessage(message);
    }
  };
}

/** The path's last part: "claim". */
export function operationOf({ line }: HttpMessage): string {
  const [, operation = ''] = /\/([^/ ]+) HTTP\//.exec(line) ?? [];
  return operation;
}

export function isOk({ line }: HttpMessage): boolean {
  return /^HTTP\/1\.1 200 /.test(line);
}

/** Its head, and at least a byte of its body, but not all of it. */
export function beginningOf({ bytes, body }: HttpMessage, random = Math.random): Buffer {
  const head = bytes.length - body.length;
  return bytes.subarray(0, head + 1 + Math.floor(random() * (body.length - 1)));
}

function firstOf(bytes: Buffer): HttpMessage | undefined {
  const headEnd = bytes.indexOf(HEAD_ENDS);
  if (headEnd < 0) return undefined;
  const head = bytes.toString('latin1', 0, headEnd);
  const [, length = '0'] = /^content-length: *(\d+)/im.exec(head) ?? [];
  const begin = headEnd + HEAD_ENDS.length;
  const end = begin + Number(length);
  if (bytes.length < end) return undefined;
  const [line] = head.split('\r\n', 1) as [string];
  return { bytes: bytes.subarray(0, end), line, body: bytes.subarray(begin, end) };
}
