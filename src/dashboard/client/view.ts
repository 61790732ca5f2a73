import type { Overview, Session } from '../wire.js';
import type { Child } from './dom.js';
import type { History } from './history.js';
import type { Connection } from './live.js';
import type { Route } from './route.js';

/** All that views are made from. */
export interface Model {
  route: Route;
  session: Session | undefined;
  overview: Overview | undefined;
  connection: Connection;
  history: History;
}

export interface Question {
  title: string;
  text: string;
  /** What is done, on the button. */
  action: string;
  /** It can't be undone. */
  isGrave?: boolean;
}

/** What a view asks of the page around it. */
export interface Page {
  /** Something of the view has changed: it is shown again. */
  changed(): void;
  notice(text: string, tone?: 'good' | 'bad'): void;
  ask(question: Question): Promise<boolean>;
  go(hash: string): void;
}

export interface View {
  title(route: Route): string;
  /** The reader has come to it, or to another part of it. */
  enter?(route: Route): void;
  render(model: Model): Child[];
}

export type MakeView = (page: Page) => View;
