import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hostScript, hostTools, readHostReport } from '../../../../core/remediation/evidence/host-tools.ts';

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
    expect(readHostReport('', none).absent).toHaveLength(8);
  });

  it('keeps the first of two parts of a name, and says when a tool had nothing to say', () => {
    const { items } = readHostReport([part('vmstat', ''), part('ss', 'mine'), part('ss', 'forged')].join('\n'), none);
    expect(items.map(({ name, text }) => [name, text])).toEqual([
      ['vmstat', '(nothing)'],
      ['ss', 'mine'],
    ]);
  });

  it('is masked', () => {
    const { items } = readHostReport(part('ss', 'user kim@example.com password=hunter2hunter2'), none);
    expect(items[0]?.text).toBe('user [e-mail] password=[secret]');
  });
});

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
