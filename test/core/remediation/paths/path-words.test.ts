import { describe, expect, it } from 'vitest';
import { doingText, triedTexts } from '../../../../core/remediation/paths/path-words.ts';
import { pathNames } from '../../../../core/remediation/record.ts';

describe('what a repair does, for the middle of a sentence', () => {
  const words = [
    ['replace', 'replacing i-1'],
    ['revert', 'bringing i-1 back'],
    ['revert-fenced', 'bringing i-1 back'],
    ['drill', 'replacing i-1 for a drill'],
    ['native-recovery', 'waiting for EC2 to recover i-1'],
    ['restart', 'restarting a service of i-1'],
    ['reboot', 'rebooting i-1'],
    ['root-swap', 'putting a new root volume under i-1'],
    ['group-member', 'letting its Auto Scaling group replace i-1'],
  ] as const;

  it.each(words)('on the path %s: %s', (path, text) => {
    expect(doingText({ path, oldInstanceId: 'i-1' })).toBe(text);
  });

  it('has words for every path', () => {
    expect(words.map(([path]) => path)).toEqual(pathNames);
  });

  it('is a replacement in records of before there were paths', () => {
    expect(doingText({ oldInstanceId: 'i-1' })).toBe('replacing i-1');
  });
});

describe('what was tried before (S4-18)', () => {
  it('is told step by step with what each gave, and nothing is told where nothing was tried', () => {
    const at = '2026-11-21T09:00:00.000Z';
    const triedPaths = [
      { path: 'restart' as const, startedAt: at, endedAt: at, reason: 'the command failed' },
      { path: 'reboot' as const, startedAt: at, endedAt: at, reason: 'its target is still unhealthy' },
    ];
    expect(triedTexts({ triedPaths })).toEqual(['restart did not help: the command failed', 'reboot did not help: its target is still unhealthy']);
    expect(triedTexts({})).toEqual([]);
  });
});
