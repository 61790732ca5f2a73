import type { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { type HttpMessage, beginningOf, httpMessages, isOk, operationOf } from './http-messages.js';
import type { NetworkFault, NetworkFaults } from './network-faults.js';

/** What becomes of a request whatever chance says. */
export interface Fate {
  fault: NetworkFault;
  /** Of a request that has met it before: all of them are one. */
  isRepeat: boolean;
}

/** Who decides about it, and sees what passes by. */
export interface Fates {
  fateOf(operation: string, request: HttpMessage): Fate | undefined;
  befell(fate: Fate): void;
  learn(operation: string, request: HttpMessage, answer: HttpMessage): void;
}

export interface LineDeps {
  faults: NetworkFaults;
  unlucky: Fates;
  /** How long a client waits for an answer, in milliseconds. */
  patienceMs: number;
}

/** Longest delay, in patiences of a client: some requests come after their client has given up. */
const LONGEST_DELAY = 1.5;
/** Whose client has gone sooner was killed, or has closed the connection for another reason. */
const OF_PATIENCE = 0.9;

/** One connection of a client to an instance of the broker, which is kept: each request on it meets its own fault, or none. */
export class Line {
  /** Gets the next answer; undefined when the broker has gone. */
  private onAnswer: ((answer: HttpMessage | undefined) => void) | undefined;
  /** A request is on its way though its client may be gone. */
  private holds = false;

  constructor(
    private readonly client: Socket,
    private readonly broker: Socket,
    private readonly deps: LineDeps,
  ) {
    client.on(
      'data',
      httpMessages((request) => void this.lead(request)),
    );
    broker.on(
      'data',
      httpMessages((answer) => this.answered(answer)),
    );
    for (const socket of [client, broker]) socket.on('error', () => undefined);
    client.on('close', () => {
      if (!this.holds) this.cut();
    });
    broker.on('close', () => {
      this.answered(undefined);
      this.cut();
    });
  }

  private async lead(request: HttpMessage): Promise<void> {
    const operation = operationOf(request);
    const { faults, unlucky } = this.deps;
    const fate = unlucky.fateOf(operation, request);
    const fault = fate?.fault ?? faults.choose(operation);
    if (!fault) return this.pass(await this.ask(operation, request));
    if (!(await this.carry(operation, request, fault))) return;
    if (fate) unlucky.befell(fate);
    // The repeats of an ACK 5 are lost as well, and all of them are one loss.
    if (!fate?.isRepeat) faults.happened(fault);
  }

  /** @returns whether the fault happened: a broker or a client that dies meanwhile is another one */
  private async carry(operation: string, request: HttpMessage, fault: NetworkFault): Promise<boolean> {
    switch (fault) {
      case 'ack-5-lost':
        this.cut();
        return true;
      case 'request-cut':
        return this.writeAndCut(this.broker, beginningOf(request, this.deps.faults.random));
      case 'answer-cut': {
        const answer = await this.ask(operation, request);
        return (
          answer !== undefined && this.writeAndCut(this.client, beginningOf(answer, this.deps.faults.random))
        );
      }
      case 'ack-3-lost':
      case 'ack-5-answer-lost': {
        const answer = await this.ask(operation, request);
        if (answer && !isOk(answer)) this.pass(answer);
        else this.cut();
        return answer !== undefined && isOk(answer);
      }
      case 'delayed':
        return this.delay(operation, request);
      case 'black-hole':
        return this.swallow(operation, request);
    }
  }

  private async delay(operation: string, request: HttpMessage): Promise<boolean> {
    this.holds = true;
    await pause(this.deps.faults.random() * LONGEST_DELAY * this.deps.patienceMs);
    if (this.client.destroyed) this.deps.faults.late++;
    const answer = await this.ask(operation, request);
    this.holds = false;
    if (this.client.destroyed) this.cut();
    else this.pass(answer);
    return answer !== undefined;
  }

  private async swallow(operation: string, request: HttpMessage): Promise<boolean> {
    const since = performance.now();
    if (this.deps.faults.random() < 0.5) void this.ask(operation, request);
    if (!this.client.destroyed) await new Promise((resolve) => this.client.once('close', resolve));
    return performance.now() - since >= OF_PATIENCE * this.deps.patienceMs;
  }

  private async ask(operation: string, request: HttpMessage): Promise<HttpMessage | undefined> {
    if (this.broker.destroyed) return undefined;
    const answer = await new Promise<HttpMessage | undefined>((resolve) => {
      this.onAnswer = resolve;
      this.broker.write(request.bytes);
    });
    if (answer) this.deps.unlucky.learn(operation, request, answer);
    return answer;
  }

  private answered(answer: HttpMessage | undefined): void {
    this.onAnswer?.(answer);
    this.onAnswer = undefined;
  }

  private pass(answer: HttpMessage | undefined): void {
    if (answer && !this.client.destroyed) this.client.write(answer.bytes);
  }

  /** What was written arrives: it is an end, and no reset. */
  private async writeAndCut(to: Socket, bytes: Buffer): Promise<boolean> {
    if (to.destroyed) return false;
    const written = await new Promise<boolean>((resolve) => to.write(bytes, (error) => resolve(!error)));
    this.cut();
    return written;
  }

  private cut(): void {
    this.client.destroy();
    this.broker.destroy();
  }
}
