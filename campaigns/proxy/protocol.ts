import type { EngineOfServers } from '../databases/create.js';
import { mysqlConversation } from './mysql-conversation.js';
import { postgresConversation } from './postgres-conversation.js';

/** What a client asks its database to do. */
export interface Command {
  sql: string;
  /** Those that are sent apart from it. */
  values: readonly (Buffer | null)[];
  /** Where it begins in the chunk that it ends in; 0 where it began in an earlier one. */
  from: number;
}

/**
 * What the database says to a command: `duplicate` also where that is no error, as a row with its key is not inserted;
 * `rolled-back` also to a COMMIT of what an error has aborted.
 */
export type Answer = 'done' | 'rolled-back' | 'duplicate' | 'deadlock' | 'failed';

/** What goes over one connection, in the words of the database's protocol. */
export interface Conversation {
  /** The commands that end in this chunk of what the client says. */
  commands(chunk: Buffer): Command[];
  /** The answers that this chunk of what the database says completes. */
  answers(chunk: Buffer): Answer[];
}

export function conversationWith(engine: EngineOfServers): Conversation {
  return engine === 'postgres' ? postgresConversation() : mysqlConversation();
}
