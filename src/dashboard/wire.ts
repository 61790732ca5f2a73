import type { Status } from '../operate/status.js';

/** What goes between the page and its server, as JSON. Types only: both sides are checked against them. */

/** Who the page speaks to, and what it may do. */
export interface Session {
  /** Goes with each action, in the header `x-idempotent-mq-token`. */
  token: string;
  title: string;
  readOnly: boolean;
}

/** How many a second, lately. */
export interface StepRates {
  /** 1: sent by a relay; where there is none, published. */
  send: number;
  /** 2: stored by the broker. */
  land: number;
  /** 3: ACKs of the broker. */
  confirm: number;
  /** 4: handed out to consumers. */
  deliver: number;
  /** 5: ACKs of consumers, those of absorbed duplicates included. */
  acknowledge: number;
  /** 6: messages that nobody needed any more. */
  drop: number;
}

/** Since the process started. */
export interface Absorbed {
  /** By the upper half: an inner-msg-id that was there. */
  resends: number;
  /** By the lower half: a biz-id that had its effect. */
  duplicates: number;
}

/** What JSON makes of it. */
export type Json<T> = T extends Date
  ? string
  : T extends readonly (infer Each)[]
    ? Json<Each>[]
    : T extends object
      ? { [Key in keyof T]: Json<T[Key]> }
      : T;

/** Each a second, in this process. */
export interface GroupRates {
  topic: string;
  group: string;
  delivered: number;
  acknowledged: number;
  failed: number;
}

/** What a worker or a relay can't do, since when. */
export interface Trouble {
  error: string;
  since: string;
}

export interface ProcessLine {
  pid: number;
  host: string;
  startedAt: string;
  workers: (Trouble & { topic: string; group: string })[];
  relay: { sent: number; resent: number; lastSentAt?: string | undefined; trouble?: Trouble | undefined };
}

export type Tone = 'good' | 'plain' | 'warn' | 'bad';

/** One line of what happens. */
export interface Happening {
  number: number;
  at: string;
  type: string;
  tone: Tone;
  text: string;
  error?: string | undefined;
  topic?: string | undefined;
  bizId?: string | undefined;
  group?: string | undefined;
  /** How many of the kind, one after the other. */
  times: number;
}

export interface Overview {
  /** Of the whole broker, whichever process does it. */
  status: Json<Status>;
  /** Of this process alone, as all that follows. */
  steps: StepRates;
  groups: GroupRates[];
  absorbed: Absorbed;
  process: ProcessLine;
  happened: Happening[];
}

export interface AttemptLine {
  at: string;
  error: string;
}

export interface DeadLetterLine {
  id: string;
  position: string;
  topic: string;
  group?: string | undefined;
  bizId: string;
  orderingKey?: string | undefined;
  reason: string;
  failures: number;
  lostLeases: number;
  deadAt: string;
  landedAt: string;
  /** The last of its errors. */
  error?: string | undefined;
}

export interface DeadLetterPage {
  letters: DeadLetterLine[];
  /** Where the next page goes on. */
  next?: string | undefined;
}

export interface DeadLetterDetail extends DeadLetterLine {
  errors: AttemptLine[];
  body: Shown;
}

/** A body as it may be seen. */
export interface Shown {
  text: string;
  redacted: boolean;
}

export interface QuarantineLine {
  id: string;
  topic: string;
  bizId: string;
  innerMsgId: string;
  reason: string;
  copies: number;
  quarantinedAt: string;
}

export interface QuarantinePage {
  messages: QuarantineLine[];
  next?: string | undefined;
}

export interface QuarantineDetail extends QuarantineLine {
  body: Shown;
}

/** Either a text or a time. */
export interface Fact {
  name: string;
  value?: string;
  time?: string;
}

/** One place where the message, or what it left behind, was found. */
export interface StoryPart {
  /** Of the six. */
  step: string;
  title: string;
  tone: Tone;
  at?: string | undefined;
  facts: Fact[];
  errors: AttemptLine[];
  /** Where something can be done about it. */
  deadLetter?: string | undefined;
  quarantined?: string | undefined;
}

export interface StoryMessage {
  innerMsgId?: string | undefined;
  orderingKey?: string | undefined;
  expiresAt?: string | undefined;
  parts: StoryPart[];
}

export interface Story {
  topic: string;
  bizId: string;
  summary: string;
  notes: string[];
  messages: StoryMessage[];
}

/** What dead letters are looked for by. */
export interface DeadLetterQuery {
  topic?: string | undefined;
  group?: string | undefined;
  reason?: string | undefined;
  bizId?: string | undefined;
}

/** GET api/NAME?query */
export interface Reads {
  session: { query: object; answer: Session };
  overview: { query: object; answer: Overview };
  'dead-letters': { query: DeadLetterQuery & { after?: string | undefined }; answer: DeadLetterPage };
  'dead-letter': { query: { id: string }; answer: DeadLetterDetail };
  quarantine: { query: { after?: string | undefined }; answer: QuarantinePage };
  quarantined: { query: { id: string }; answer: QuarantineDetail };
  story: { query: { topic: string; bizId: string }; answer: Story };
}

/** Some by their ids; or all that a query finds and that were dead by then. */
export type DeadLetterChoice = { ids: string[] } | { all: DeadLetterQuery; deadUntil: string };

/** POST api/NAME */
export interface Actions {
  'requeue-dead-letters': { request: DeadLetterChoice; answer: { count: number } };
  'discard-dead-letters': { request: DeadLetterChoice; answer: { count: number } };
  'release-quarantined': { request: { id: string }; answer: { done: boolean } };
  'discard-quarantined': { request: { id: string }; answer: { done: boolean } };
  'pause-group': { request: { topic: string; group: string }; answer: { done: boolean } };
  'resume-group': { request: { topic: string; group: string }; answer: { done: boolean } };
}

export type Refusal = { error: { code: string; message: string } };
