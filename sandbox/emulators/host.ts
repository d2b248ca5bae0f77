import { devNull } from 'node:os';
import { dirname } from 'node:path';

/** The machine that the sandbox runs on. The one place of the sandbox that reads the environment, the clock and the process. */
export interface Host {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Folder of the running Node, put first on PATH: MiniStack runs functions with the first `node` it finds. */
  readonly nodeFolder: string;
  readonly nullDevice: string;
  /** Milliseconds since 1970. */
  now(): number;
  sleep(millis: number): Promise<void>;
}

export const host: Host = {
  environment: process.env,
  nodeFolder: dirname(process.execPath),
  nullDevice: devNull,
  now: () => Date.now(),
  sleep: (millis) =>
    new Promise((resolve) => {
      setTimeout(resolve, millis);
    }),
};
