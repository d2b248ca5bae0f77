/**
 * What a step of the driver loop tells the state machine: which role goes next and after what wait.
 * The state machine's Choice states read exactly these fields (design section 4: invoke → choice → wait → end).
 */
export interface DriverAnswer {
  readonly remediationId: string;
  readonly next: 'observe' | 'act' | 'end';
  /** 0 = at once; at most 300. */
  readonly waitSeconds: number;
  /** `open` while `next` is not `end`. `failed` makes the execution fail, so that it shows red and raises a signal. */
  readonly outcome: 'open' | 'succeeded' | 'failed';
  /** For the execution's history: what was done and why. */
  readonly reason: string;
}
