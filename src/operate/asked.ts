/** What is asked for, checked. */
export interface Asked {
  topic: string;
  bizId: Buffer;
  /** By `performance.now()`. */
  until: number;
}
