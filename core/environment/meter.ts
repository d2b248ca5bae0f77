/** Counts what happened, for Perennial's own alarms and charts. Never fails and never decides anything. */
export interface Meter {
  count(name: string, value?: number): void;
  /** A duration. */
  seconds(name: string, value: number): void;
  /** Hands over what was counted; once at the end of every invocation. */
  flush(): void;
}
