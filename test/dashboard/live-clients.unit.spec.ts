import { EventEmitter } from 'node:events';
import { LiveClients } from '../../src/dashboard/live/live-clients.js';

// Property: a connection is kept alive as long as somebody reads, is ended in time so that guards are asked again, and no timer
// is left when there is none.

const OPTIONS = { max: 2, heartbeatMs: 15_000, lifetimeMs: 60_000 };

class FakeResponse extends EventEmitter {
  written: string[] = [];
  writableNeedDrain = false;
  state: 'open' | 'ended' | 'destroyed' = 'open';
  setHeader() {}
  removeHeader() {}
  flushHeaders() {}
  write(text: string) {
    this.written.push(text);
  }
  end() {
    this.state = 'ended';
  }
  destroy() {
    this.state = 'destroyed';
    this.emit('close');
  }
}

describe('browsers that watch', () => {
  const some: boolean[] = [];
  let clients: LiveClients;

  beforeEach(() => {
    jest.useFakeTimers();
    some.length = 0;
    clients = new LiveClients(OPTIONS, (isSome) => some.push(isSome));
  });

  afterEach(() => {
    clients.close();
    expect(jest.getTimerCount()).toBe(0);
    jest.useRealTimers();
  });

  const admit = () => {
    const response = new FakeResponse();
    clients.admit(response as never);
    return response;
  };

  it('are sent a heartbeat while nothing happens', () => {
    const response = admit();
    jest.advanceTimersByTime(31_000);
    expect(response.written.slice(1)).toEqual([': still here\n\n', ': still here\n\n']);
  });

  it('are ended after their time', () => {
    const response = admit();
    jest.advanceTimersByTime(76_000);
    expect(response.state).toBe('ended');
    expect(clients.count).toBe(0);
  });

  it('are sent nothing more while they don’t read, and are let go of then', () => {
    const [slow, quick] = [admit(), admit()];
    slow.writableNeedDrain = true;
    clients.tell('overview', { a: 1 });
    expect([slow.written.length, quick.written.length]).toEqual([1, 2]);
    jest.advanceTimersByTime(16_000);
    expect([slow.state, quick.state]).toEqual(['destroyed', 'open']);
    expect(clients.count).toBe(1);
  });

  it('are told the latest at once, where somebody watches already', () => {
    const first = admit();
    expect(first.written).toHaveLength(1);
    clients.tell('overview', { a: 1 });
    expect(admit().written.slice(1)).toEqual(['event: overview\ndata: {"a":1}\n\n']);
  });

  it('are counted, and the last one that goes ends the looking', () => {
    const [one, other] = [admit(), admit()];
    expect(clients.isFull).toBe(true);
    one.destroy();
    expect([clients.isFull, some]).toEqual([false, [true]]);
    other.destroy();
    other.emit('close');
    expect([some, jest.getTimerCount()]).toEqual([[true, false], 0]);
  });

  it('are all ended by a shutdown, and none is let in after it', () => {
    const [one, other] = [admit(), admit()];
    clients.close();
    expect([one.state, other.state, clients.isFull]).toEqual(['ended', 'ended', true]);
  });
});
