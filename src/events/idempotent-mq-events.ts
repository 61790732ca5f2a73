import { type Observable, Subject, merge } from 'rxjs';
import {
  EVENT_TYPES,
  type IdempotentMqEvent,
  type IdempotentMqEventOf,
  type IdempotentMqEventType,
} from './event.js';
import { channelOf } from './event-channels.js';
import { GuardedObservable } from './guarded-observable.js';

/** What happens in this process, in one instance of the module. A subscriber that throws disturbs nothing but itself. */
export class IdempotentMqEvents {
  /** All events. Whoever subscribes has each of them made; see {@link of}. */
  readonly events$: Observable<IdempotentMqEvent>;
  /** One for each type: an event that nobody listens for is not even made. */
  private readonly subjects = new Map<IdempotentMqEventType, Subject<IdempotentMqEvent>>(
    EVENT_TYPES.map((type) => [type, new Subject()]),
  );

  /** @param instance the name of the module's instance */
  constructor(
    private readonly onSubscriberError: (error: unknown) => void = () => undefined,
    private readonly instance?: string,
  ) {
    this.events$ = this.of(...EVENT_TYPES);
  }

  /** Events of these types alone. What a busy process has thousands of is not made for who listens for something else. */
  of<T extends IdempotentMqEventType>(...types: readonly T[]): Observable<IdempotentMqEventOf<T>> {
    const subjects = types.map((type) => this.subjects.get(type)!);
    const those = merge(...subjects) as Observable<IdempotentMqEventOf<T>>;
    return new GuardedObservable(those, this.onSubscriberError);
  }

  /** Whether anybody listens. What is told for each message asks before it makes the event. */
  wants(type: IdempotentMqEventType): boolean {
    return this.subjects.get(type)!.observed || channelOf(type).hasSubscribers;
  }

  emit(event: IdempotentMqEvent): void {
    const channel = channelOf(event.type);
    if (channel.hasSubscribers) channel.publish({ event, instance: this.instance });
    this.subjects.get(event.type)!.next(event);
  }

  close(): void {
    for (const subject of this.subjects.values()) subject.complete();
  }
}
