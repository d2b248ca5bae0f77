import { type EvidenceItem, evidenceItem } from './evidence.ts';

interface HostTool {
  readonly name: string;
  /** Reads only, ends by itself within seconds. */
  readonly command: string;
}

/** The eight tools with which a person looks at a sick host (S4-33). */
export const hostTools: readonly HostTool[] = [
  { name: 'vmstat', command: 'vmstat 1 2' },
  { name: 'mpstat', command: 'mpstat -P ALL 1 1' },
  { name: 'iostat', command: 'iostat -x' },
  { name: 'ss', command: 'ss -s; ss -tan | head -n 15' },
  { name: 'free', command: 'free -m' },
  { name: 'top', command: 'top -b -n 1 | head -n 20' },
  { name: 'sar', command: 'sar -q 1 1' },
  { name: 'ping', command: 'ping -c 1 -W 1 127.0.0.1; ping -c 1 -W 1 "$(ip route 2>/dev/null | sed -n \'s/^default via \\([^ ]*\\).*/\\1/p\' | head -n 1)"' },
];

/** Systems Manager gives the first 24,000 characters of what a script wrote: eight tools and five files fit in. */
const TOOL_BYTES = 1500;
const FILE_BYTES = 2000;

const begin = (name: string): string => `=== perennial:${name}`;
const ABSENT = '=== perennial-absent';

/**
 * The script for the host: reads only, in portable shell. Every tool has a few seconds and a bound on what it writes; one that is not
 * installed is said to be absent, and none keeps the others from running. Paths hold no character that a shell would read (policy schema).
 */
export function hostScript(logFiles: readonly string[]): string {
  const bound = 'LC_ALL=C timeout 5 sh -c';
  const tools = hostTools.map(
    ({ name, command }) =>
      `echo '${begin(name)}'; if command -v ${name} >/dev/null 2>&1; then ${bound} '${command.replaceAll("'", String.raw`'\''`)}' 2>&1 | head -c ${TOOL_BYTES}; echo; else echo '${ABSENT}'; fi`,
  );
  const files = logFiles.map(
    (path) =>
      `echo '${begin(path)}'; if [ -r '${path}' ]; then tail -c 1000000 '${path}' | grep -aiE 'error|fail|fatal|panic|critical|out of memory|oom' | tail -n 20 | tail -c ${FILE_BYTES}; echo; else echo '${ABSENT}'; fi`,
  );
  return [...tools, ...files, 'exit 0'].join('\n');
}

export interface HostReport {
  readonly items: readonly EvidenceItem[];
  readonly absent: readonly string[];
}

/** Reads what the script wrote. What is missing in it, because it was cut or the host hung, is absent too. */
export function readHostReport(output: string, logFiles: readonly string[]): HostReport {
  const parts = partsOf(output);
  const items: EvidenceItem[] = [];
  const absent: string[] = [];
  for (const name of [...hostTools.map((tool) => tool.name), ...logFiles]) {
    const text = parts.get(name);
    if (text === undefined) absent.push(`${name} (no answer)`);
    else if (text === ABSENT) absent.push(`${name} (not there)`);
    else if (text === '') items.push(evidenceItem(name, '(nothing)', 'beginning'));
    else items.push(evidenceItem(name, text, name.startsWith('/') ? 'end' : 'beginning'));
  }
  return { items, absent };
}

/** The first part of each name counts: a tool that writes our markers takes no other's place. */
function partsOf(output: string): ReadonlyMap<string, string> {
  const prefix = begin('');
  const parts = new Map<string, string>();
  for (const part of `\n${output}`.split(`\n${prefix}`).slice(1)) {
    const [name = '', ...lines] = part.split('\n');
    if (!parts.has(name.trim())) parts.set(name.trim(), lines.join('\n').trim());
  }
  return parts;
}
