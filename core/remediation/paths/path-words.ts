import type { PathName, Remediation } from '../record.ts';

type Named = Pick<Remediation, 'path' | 'oldInstanceId'>;

/** What a repair does on each path, for the middle of a sentence; ways back and drills have words of their own. */
const doing = {
  replace: (id) => `replacing ${id}`,
  revert: (id) => `bringing ${id} back`,
  'revert-fenced': (id) => `bringing ${id} back`,
  drill: (id) => `replacing ${id} for a drill`,
  'native-recovery': (id) => `waiting for EC2 to recover ${id}`,
  restart: (id) => `restarting a service of ${id}`,
  reboot: (id) => `rebooting ${id}`,
  'root-swap': (id) => `putting a new root volume under ${id}`,
  'group-member': (id) => `letting its Auto Scaling group replace ${id}`,
} as const satisfies Record<PathName, (instanceId: string) => string>;

export function doingText({ path = 'replace', oldInstanceId }: Named): string {
  return doing[path](oldInstanceId);
}

/** What was tried before, and what it gave; empty when nothing was (S4-18). */
export function triedTexts({ triedPaths = [] }: Pick<Remediation, 'triedPaths'>): readonly string[] {
  return triedPaths.map(({ path, reason }) => `${path} did not help: ${reason}`);
}
