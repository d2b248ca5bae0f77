import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type HostFiles, hostScript, hostTools, readHostReport } from '../../../../core/remediation/evidence/host-tools.ts';

const files = ['/var/log/messages', '/var/log/app.log'];
const part = (name: string, text: string): string => `=== perennial:${name}\n${text}`;
const whole = [
  ...hostTools.map(({ name }) => part(name, `${name} says 1`)),
  part('/var/log/messages', 'ERROR disk full'),
  part('/var/log/app.log', '=== perennial-absent'),
];

const none = { logFiles: [], accessLogs: [] };

describe('the script for the host (S4-33)', () => {
  it('names all eight tools and every file, and is a script that a plain shell reads', () => {
    const script = hostScript({ logFiles: files, accessLogs: [] });
    expect(hostTools.map(({ name }) => name)).toEqual(['vmstat', 'mpstat', 'iostat', 'ss', 'free', 'top', 'sar', 'ping']);
    for (const name of [...hostTools.map((tool) => tool.name), ...files]) expect(script).toContain(`echo '=== perennial:${name}'`);
    expect(() => execFileSync('sh', ['-n', '-c', script])).not.toThrow();
  });

  it('changes nothing on the host', () => {
    expect(hostScript({ logFiles: files, accessLogs: [] }).replaceAll(/2>&1|2>\/dev\/null|>\/dev\/null/g, '')).not.toMatch(
      />|\b(?:rm|kill|tee|mv|systemctl|service|reboot)\b/,
    );
  });
});

describe('the script on a host', () => {
  /** What a shell of its own finds there: nothing but this and the tools of the test. */
  const portable = ['sh', 'head', 'tail', 'grep', 'sed', 'timeout', 'date', 'awk', 'sort', 'uniq'];
  let directory = '';
  const pathOf = (name: string): string => join(directory, name);

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'perennial-host-'));
    for (const name of portable) symlinkSync(execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim(), pathOf(name));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  const install = (name: string, script: string): void => writeFileSync(pathOf(name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  const sayWhatTheyGot = (): void => {
    for (const { name } of hostTools) install(name, `echo "${name} $* in $LC_ALL"`);
    install('ip', 'echo "10.9.0.0/16 dev eth0"; echo "default via 10.9.0.1 dev eth0 proto dhcp"');
  };
  const run = (looked: HostFiles) =>
    readHostReport(execFileSync(pathOf('sh'), ['-c', hostScript(looked)], { encoding: 'utf8', env: { PATH: directory } }), looked);
  const textsOf = (report: ReturnType<typeof run>) => Object.fromEntries(report.items.map(({ name, text }) => [name, text]));

  it('asks every tool in the words that end by themselves, in the language that everybody reads', () => {
    sayWhatTheyGot();
    const report = run(none);
    expect(report.absent).toEqual([]);
    expect(textsOf(report)).toEqual({
      vmstat: 'vmstat 1 2 in C',
      mpstat: 'mpstat -P ALL 1 1 in C',
      iostat: 'iostat -x in C',
      ss: 'ss -s in C\nss -tan in C',
      free: 'free -m in C',
      top: 'top -b -n 1 in C',
      sar: 'sar -q 1 1 in C',
      ping: 'ping -c 1 -W 1 127.0.0.1 in C\nping -c 1 -W 1 10.9.0.1 in C',
    });
  });

  it('says of a tool that is not installed that it is absent, keeps what another one complains of, and goes on behind it', () => {
    sayWhatTheyGot();
    rmSync(pathOf('sar'));
    install('free', 'echo "no memory today" >&2; exit 3');
    const report = run(none);
    expect(report.absent).toEqual(['sar (not there)']);
    expect(textsOf(report)).toMatchObject({ free: 'no memory today', ping: containing('127.0.0.1') });
  });

  it('bounds what one tool writes, and the lists of connections and processes by their lines', () => {
    sayWhatTheyGot();
    install('vmstat', 'i=0; while [ $i -lt 400 ]; do echo "0123456789"; i=$((i+1)); done');
    install('ss', 'i=0; while [ $i -lt 40 ]; do i=$((i+1)); echo "$1 $i"; done');
    install('top', 'i=0; while [ $i -lt 40 ]; do i=$((i+1)); echo "process $i"; done');
    const texts = textsOf(run(none));
    expect(texts['vmstat']).toHaveLength(1500);
    expect(texts['ss']?.split('\n').slice(-16)).toEqual(['-s 40', ...Array.from({ length: 15 }, (_, index) => `-tan ${index + 1}`)]);
    expect(texts['top']?.split('\n')).toEqual(Array.from({ length: 20 }, (_, index) => `process ${index + 1}`));
  });

  it('keeps the last twenty error lines of a file, whatever case they are in, and says which file cannot be read', () => {
    const log = pathOf('app.log');
    const words = ['Error', 'FAILED', 'fatal', 'panic', 'CRITICAL', 'Out of memory', 'oom-killer'];
    const lines = Array.from({ length: 28 }, (_, index) => [`${index} all is well`, `${index} ${words[index % words.length] ?? ''}`]).flat();
    writeFileSync(log, `${lines.join('\n')}\n`);
    const report = run({ logFiles: [log, pathOf('none.log')], accessLogs: [] });
    expect(textsOf(report)).toEqual({ [log]: Array.from({ length: 20 }, (_, index) => `${index + 8} ${words[(index + 8) % words.length] ?? ''}`).join('\n') });
    expect(report.absent).toEqual([...hostTools.map(({ name }) => `${name} (not there)`), `${pathOf('none.log')} (not there)`]);
  });

  it('keeps the end of long error lines', () => {
    const log = pathOf('app.log');
    writeFileSync(log, `${Array.from({ length: 20 }, (_, index) => `error ${index} ${'x'.repeat(200)} end ${index}`).join('\n')}\n`);
    const text = textsOf(run({ logFiles: [log], accessLogs: [] }))[log] ?? '';
    expect(text).toHaveLength(1399);
    expect(text.endsWith('x end 19')).toBe(true);
  });

  it('says that an access log is not there, and bounds what it says of one that is', () => {
    const log = pathOf('access.log');
    const addresses = Array.from({ length: 12 }, (_, index) => `/${String(index).padStart(2, '0')}${'a'.repeat(200)}`);
    writeFileSync(
      log,
      `${addresses.flatMap((address, index) => Array.from({ length: 12 - index }, () => line(`192.0.2.${index}`, address, minuteAgo(2)))).join('\n')}\n`,
    );
    const report = run({ logFiles: [], accessLogs: [log, pathOf('none.log')] });
    expect(report.absent.at(-1)).toBe(`top talkers of ${pathOf('none.log')} (not there)`);
    const said = (textsOf(report)[`top talkers of ${log}`] ?? '').split('\n').map((text) => text.trim());
    expect(said).toEqual([
      'clients:',
      '78 192.0.2.x',
      'addresses:',
      ...addresses.slice(0, 10).map((address, index) => `${12 - index} ${address.slice(0, 80)}`),
    ]);
  });
});

describe('what the script wrote', () => {
  it('is read part by part; what is not there is said', () => {
    const { items, absent } = readHostReport(whole.join('\n'), { logFiles: files, accessLogs: [] });
    expect(items.map(({ name, text }) => [name, text])).toEqual([
      ...hostTools.map(({ name }) => [name, `${name} says 1`]),
      ['/var/log/messages', 'ERROR disk full'],
    ]);
    expect(absent).toEqual(['/var/log/app.log (not there)']);
  });

  it('may be cut anywhere: the rest is absent', () => {
    const text = whole.join('\n');
    const { items, absent } = readHostReport(text.slice(0, text.indexOf('=== perennial:sar')), { logFiles: files, accessLogs: [] });
    expect(items).toHaveLength(6);
    expect(absent).toEqual(['sar (no answer)', 'ping (no answer)', '/var/log/messages (no answer)', '/var/log/app.log (no answer)']);
    expect(readHostReport('', none)).toEqual({ items: [], absent: hostTools.map(({ name }) => `${name} (no answer)`) });
  });

  it('keeps the first of two parts of a name, and says when a tool had nothing to say', () => {
    const { items } = readHostReport([part('vmstat', ''), part('ss', 'mine'), part('ss', 'forged'), part('ss ', 'forged too')].join('\n'), none);
    expect(items.map(({ name, text }) => [name, text])).toEqual([
      ['vmstat', '(nothing)'],
      ['ss', 'mine'],
    ]);
  });

  it('is known by its first lines, whatever stood before them and however they end', () => {
    const { items, absent } = readHostReport(['Welcome to the host', part('vmstat', '  a 1\r\n  b 2  \n\n'), part('mpstat \r', 'c')].join('\n'), none);
    expect(items).toEqual([
      { name: 'vmstat', text: 'a 1\r\n  b 2', isCut: false },
      { name: 'mpstat', text: 'c', isCut: false },
    ]);
    expect(absent).toHaveLength(6);
  });

  it('is kept from its end for a file, from its beginning for a tool', () => {
    const text = `first ${'x'.repeat(20_000)} last`;
    const looked = { logFiles: ['/var/log/app.log'], accessLogs: ['/var/log/access.log'] };
    const { items } = readHostReport(['vmstat', '/var/log/app.log', 'top talkers of /var/log/access.log'].map((name) => part(name, text)).join('\n'), looked);
    expect(items.map(({ name, text: kept, isCut }) => [name, kept.slice(0, 5), kept.slice(-5), isCut])).toEqual([
      ['vmstat', 'first', 'xxxxx', true],
      ['/var/log/app.log', 'xxxxx', ' last', true],
      ['top talkers of /var/log/access.log', 'first', 'xxxxx', true],
    ]);
  });

  it('is masked', () => {
    const { items } = readHostReport(part('ss', 'user kim@example.com password=hunter2hunter2'), none);
    expect(items[0]?.text).toBe('user [e-mail] password=[secret]');
  });
});

const containing = (text: string): unknown => expect.stringContaining(text);
const minuteAgo = (minutes: number): string =>
  execFileSync('date', ['-d', `${minutes} min ago`, '+%d/%b/%Y:%H:%M:%S %z'], { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' } }).trim();
const line = (client: string, address: string, at: string): string => `${client} - - [${at}] "GET ${address} HTTP/1.1" 200 512 "-" "curl/8"`;

describe('the most frequent clients and addresses (S4-41)', () => {
  it('of the last ten minutes only, clients masked, addresses without their query', () => {
    const directory = mkdtempSync(join(tmpdir(), 'perennial-talkers-'));
    try {
      const path = join(directory, 'access.log');
      const lines = [
        ...Array.from({ length: 30 }, () => line('203.0.113.9', '/old', minuteAgo(45))),
        ...Array.from({ length: 12 }, (_, index) => line('198.51.100.7', `/cart?token=secret${index}`, minuteAgo(3))),
        ...Array.from({ length: 5 }, () => line('2001:db8:1:2::7', '/login;jsessionid=abc', minuteAgo(1))),
      ];
      writeFileSync(path, `${lines.join('\n')}\n`);
      const looked = { logFiles: [], accessLogs: [path] };
      const talkers = hostScript(looked)
        .split('\n')
        .filter((text) => text.includes('top talkers of'));
      const output = execFileSync('sh', ['-c', talkers.join('\n')], { encoding: 'utf8' });
      const { items } = readHostReport(output, looked);
      expect(
        items[0]?.text
          .replaceAll(/ +/g, ' ')
          .split('\n')
          .map((text) => text.trim()),
      ).toEqual(['clients:', '12 198.51.100.x', '5 2001:db8:1::x', 'addresses:', '12 /cart', '5 /login']);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('are said to be absent where there is no access log', () => {
    const { absent } = readHostReport(part('top talkers of /var/log/nginx/access.log', '=== perennial-absent'), {
      logFiles: [],
      accessLogs: ['/var/log/nginx/access.log'],
    });
    expect(absent).toContain('top talkers of /var/log/nginx/access.log (not there)');
  });
});
