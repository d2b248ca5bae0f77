import type { Scope } from '../../environment/ports.ts';

/** Every command names its Region; account and stack come from the reader's own credentials. */
export function perennial(arguments_: string, { region }: Scope): string {
  return `npm run -s perennial -- ${arguments_} --region ${region}`;
}

/** The commands, each on a line that can be copied whole. */
export function nextLines(isAsked: boolean, commands: readonly string[], { accountId }: Scope): readonly string[] {
  return [`${isAsked ? 'Do next' : 'To look closer or step in'} (with credentials of account ${accountId}):`, ...commands.map((command) => `  ${command}`)];
}
