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

/** Systems Manager gives the first 24,000 characters of what a script wrote: eight tools, five files and two access logs fit in. */
const TOOL_BYTES = 1500;
const FILE_BYTES = 1400;
const TALKERS_BYTES = 1600;

/** What the script looks at beside the tools. */
export interface HostFiles {
  /** Of which the last error lines are kept. */
  readonly logFiles: readonly string[];
  /** Of a web server, in the common or combined form, newest lines last. */
  readonly accessLogs: readonly string[];
}

/** How far back the frequency of clients and addresses is counted (S4-41). */
const TALKERS_MINUTES = 10;

const talkersOf = (path: string): string => `top talkers of ${path}`;

/**
 * Who asked most and for what, in the last minutes of a web server's own time: ten clients, ten addresses. A client is a person: the last
 * part of its address is never written (S4-23); an address loses its query, where people leave names and tokens.
 */
function talkersScript(path: string): string {
  const minutes = `i=0; while [ $i -le ${TALKERS_MINUTES} ]; do date -d "$i min ago" +%d/%b/%Y:%H:%M; i=$((i+1)); done`;
  const lines = `tail -c 4000000 '${path}' | grep -aF "$(${minutes})"`;
  const masked = String.raw`awk '{ sub(/\.[0-9]+$/, ".x", $1); if ($1 ~ /:/) { split($1, p, ":"); $1 = p[1] ":" p[2] ":" p[3] "::x" } print $1 }'`;
  const addresses = String.raw`awk '{ split($7, p, "[?#;]"); print substr(p[1], 1, 80) }'`;
  const top = 'sort | uniq -c | sort -rn | head -n 10';
  return `echo 'clients:'; ${lines} | ${masked} | ${top}; echo 'addresses:'; ${lines} | ${addresses} | ${top}`;
}

const begin = (name: string): string => `=== perennial:${name}`;
const ABSENT = '=== perennial-absent';

/**
 * The script for the host: reads only, in portable shell. Every tool has a few seconds and a bound on what it writes; one that is not
 * installed is said to be absent, and none keeps the others from running. Paths hold no character that a shell would read (policy schema).
 */
export function hostScript({ logFiles, accessLogs }: HostFiles): string {
  const bound = 'LC_ALL=C timeout 5 sh -c';
  const tools = hostTools.map(
    ({ name, command }) =>
      `echo '${begin(name)}'; if command -v ${name} >/dev/null 2>&1; then ${bound} '${command.replaceAll("'", String.raw`'\''`)}' 2>&1 | head -c ${TOOL_BYTES}; echo; else echo '${ABSENT}'; fi`,
  );
  const files = logFiles.map(
    (path) =>
      `echo '${begin(path)}'; if [ -r '${path}' ]; then tail -c 1000000 '${path}' | grep -aiE 'error|fail|fatal|panic|critical|out of memory|oom' | tail -n 20 | tail -c ${FILE_BYTES}; echo; else echo '${ABSENT}'; fi`,
  );
  const talkers = accessLogs.map(
    (path) =>
      `echo '${begin(talkersOf(path))}'; if [ -r '${path}' ]; then (LC_ALL=C; export LC_ALL; ${talkersScript(path)}) 2>&1 | head -c ${TALKERS_BYTES}; echo; else echo '${ABSENT}'; fi`,
  );
  return [...tools, ...files, ...talkers, 'exit 0'].join('\n');
}

export interface HostReport {
  readonly items: readonly EvidenceItem[];
  readonly absent: readonly string[];
}

/** Reads what the script wrote. What is missing in it, because it was cut or the host hung, is absent too. */
export function readHostReport(output: string, { logFiles, accessLogs }: HostFiles): HostReport {
  const parts = partsOf(output);
  const items: EvidenceItem[] = [];
  const absent: string[] = [];
  for (const name of [...hostTools.map((tool) => tool.name), ...logFiles, ...accessLogs.map(talkersOf)]) {
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
