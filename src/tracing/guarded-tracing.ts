import { contextOf } from '../topic/index.js';
import { type Guard, GuardedSpan } from './guarded-span.js';
import type {
  HandledDelivery,
  HandledTogether,
  MessageSpan,
  MessageTracing,
  PublishedMessages,
  RelayedMessage,
} from './port.js';

/** A tracing that may throw. What it could not begin has no span. */
export class GuardedTracing {
  private hasTold = false;
  private readonly guard: Guard = (call) => {
    try {
      return call();
    } catch (error) {
      const { hasTold } = this;
      this.hasTold = true;
      if (!hasTold) this.onError(error);
      return undefined;
    }
  };

  /** @param onError hears of the first error: each message would say the same */
  constructor(
    private readonly tracing: MessageTracing,
    private readonly onError: (error: unknown) => void,
  ) {}

  publish(published: PublishedMessages): GuardedSpan | undefined {
    return this.begin(() => this.tracing.publish(published));
  }

  relay(
    message: Omit<RelayedMessage, 'context'>,
    { headers }: { headers: Buffer | null },
  ): GuardedSpan | undefined {
    return this.begin(() => this.tracing.relay({ ...message, context: contextOf(headers) }));
  }

  handle(
    delivery: Omit<HandledDelivery, 'context'>,
    { headers }: { headers: Buffer | null },
  ): GuardedSpan | undefined {
    return this.begin(() => this.tracing.handle({ ...delivery, context: contextOf(headers) }));
  }

  handleTogether(
    handled: HandledTogether,
    of: readonly (GuardedSpan | undefined)[],
  ): GuardedSpan | undefined {
    const spans = of.flatMap((one) => one?.span ?? []);
    return this.begin(() => this.tracing.handleTogether(handled, spans));
  }

  private begin(make: () => MessageSpan): GuardedSpan | undefined {
    const span = this.guard(make);
    return span && new GuardedSpan(span, this.guard);
  }
}
