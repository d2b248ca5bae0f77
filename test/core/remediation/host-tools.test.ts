import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { hostScript, hostTools, readHostReport } from '../../../core/remediation/host-tools.ts';

const files = ['/var/log/messages', '/var/log/app.log'];
const part = (name: string, text: string): string => `=== perennial:${name}\n${text}`;
const whole = [
  ...hostTools.map(({ name }) => part(name, `${name} says 1`)),
  part('/var/log/messages', 'ERROR disk full'),
  part('/var/log/app.log', '=== perennial-absent'),
];

describe('the script for the host (S4-33)', () => {
  it('names all eight tools and every file, and is a script that a plain shell reads', () => {
    const script = hostScript(files);
    expect(hostTools.map(({ name }) => name)).toEqual(['vmstat', 'mpstat', 'iostat', 'ss', 'free', 'top', 'sar', 'ping']);
    for (const name of [...hostTools.map((tool) => tool.name), ...files]) expect(script).toContain(`echo '=== perennial:${name}'`);
    expect(() => execFileSync('sh', ['-n', '-c', script])).not.toThrow();
  });

  it('changes nothing on the host', () => {
    expect(hostScript(files).replaceAll(/2>&1|2>\/dev\/null|>\/dev\/null/g, '')).not.toMatch(/>|\b(?:rm|kill|tee|mv|systemctl|service|reboot)\b/);
  });
});

describe('what the script wrote', () => {
  it('is read part by part; what is not there is said', () => {
    const { items, absent } = readHostReport(whole.join('\n'), files);
    expect(items.map(({ name, text }) => [name, text])).toEqual([
      ...hostTools.map(({ name }) => [name, `${name} says 1`]),
      ['/var/log/messages', 'ERROR disk full'],
    ]);
    expect(absent).toEqual(['/var/log/app.log (not there)']);
  });

  it('may be cut anywhere: the rest is absent', () => {
    const text = whole.join('\n');
    const { items, absent } = readHostReport(text.slice(0, text.indexOf('=== perennial:sar')), files);
    expect(items).toHaveLength(6);
    expect(absent).toEqual(['sar (no answer)', 'ping (no answer)', '/var/log/messages (no answer)', '/var/log/app.log (no answer)']);
    expect(readHostReport('', []).absent).toHaveLength(8);
  });

  it('keeps the first of two parts of a name, and says when a tool had nothing to say', () => {
    const { items } = readHostReport([part('vmstat', ''), part('ss', 'mine'), part('ss', 'forged')].join('\n'), []);
    expect(items.map(({ name, text }) => [name, text])).toEqual([
      ['vmstat', '(nothing)'],
      ['ss', 'mine'],
    ]);
  });

  it('is masked', () => {
    const { items } = readHostReport(part('ss', 'user kim@example.com password=hunter2hunter2'), []);
    expect(items[0]?.text).toBe('user [e-mail] password=[secret]');
  });
});
