import { IsolationGate } from '../../src/consumer/isolation-gate.js';

// Property: whoever wants to be alone is, in turn, and whoever stops waiting stands in nobody's way.

const never = new AbortController().signal;

/** Work that runs until it is let go. */
function latched() {
  let open!: () => void;
  let begin!: () => void;
  const opened = new Promise<void>((resolve) => (open = resolve));
  const begun = new Promise<void>((resolve) => (begin = resolve));
  const work = () => {
    begin();
    return opened;
  };
  return { work, begun, open };
}

describe('the isolation gate', () => {
  it('lets those who want to be alone in one after the other, once the others have left', async () => {
    const gate = new IsolationGate();
    const leave = gate.enter();
    const order: string[] = [];
    const first = gate.runAlone(async () => void order.push('first'), never);
    const second = gate.runAlone(async () => void order.push('second'), never);
    const opened = gate.whenOpen(never).then(() => order.push('open'));
    await new Promise(setImmediate);
    expect(order).toEqual([]);
    leave();
    await Promise.all([first, second, opened]);
    expect(order).toEqual(['first', 'second', 'open']);
  });

  it('does not run the work of those who stop waiting, and lets the next ones in', async () => {
    const gate = new IsolationGate();
    const running = latched();
    const alone = gate.runAlone(running.work, never);
    await running.begun;
    const stopped = new AbortController();
    let ran = false;
    const given = gate.runAlone(async () => void (ran = true), stopped.signal);
    const next = latched();
    const after = gate.runAlone(next.work, never);
    stopped.abort();
    await given;
    running.open();
    await alone;
    await next.begun;
    next.open();
    await after;
    await gate.whenOpen(never);
    expect(ran).toBe(false);
  });

  it('ends the waiting for it to open when the signal aborts', async () => {
    const gate = new IsolationGate();
    const running = latched();
    const alone = gate.runAlone(running.work, never);
    await running.begun;
    const stopped = new AbortController();
    const waiting = gate.whenOpen(stopped.signal);
    stopped.abort();
    await waiting;
    running.open();
    await alone;
  });

  it('opens again after work that fails', async () => {
    const gate = new IsolationGate();
    const failing = gate.runAlone(() => Promise.reject(new Error('fails')), never);
    await expect(failing).rejects.toThrow('fails');
    await gate.whenOpen(never);
  });
});
