// What the bench uses of it, so that it can be checked where the bench's own packages are not installed.

declare module 'amqplib' {
  export interface Message {
    content: Buffer;
  }
  export interface Channel {
    assertQueue(name: string, options: object): Promise<{ messageCount: number }>;
    checkQueue(name: string): Promise<{ messageCount: number }>;
    deleteQueue(name: string): Promise<unknown>;
    prefetch(count: number): Promise<unknown>;
    consume(
      name: string,
      handler: (message: Message | null) => void,
      options: { noAck: boolean },
    ): Promise<{ consumerTag: string }>;
    cancel(consumerTag: string): Promise<unknown>;
    ack(message: Message): void;
    nack(message: Message): void;
    close(): Promise<void>;
  }
  export interface ConfirmChannel extends Channel {
    sendToQueue(
      name: string,
      content: Buffer,
      options: { persistent: boolean },
      confirmed: (error: Error | null) => void,
    ): boolean;
  }
  export interface Connection {
    createChannel(): Promise<Channel>;
    createConfirmChannel(): Promise<ConfirmChannel>;
    close(): Promise<void>;
  }
  export function connect(url: string, options: { noDelay: boolean }): Promise<Connection>;
}
