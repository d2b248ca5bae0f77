import { describe, expect, it } from 'vitest';
import { isLaunchedBy, launchedIds, launchesOf } from '../../../../core/remediation/paths/launch-calls.ts';
import { NOW } from '../builders.ts';
import { failedLaunch } from '../reaping-world.ts';

const unheard = { attempt: 1, intentAt: NOW };
const heard = (result: Readonly<Record<string, string>>) => ({ ...unheard, outcomeAt: NOW, result });
const named = heard({ instanceId: 'i-1' });
const other = heard({ instanceId: 'i-2' });

describe('the launches of a remediation', () => {
  it.each([
    ['its own type', { launch: named }, [named], ['i-1']],
    ['another type, when its own had no capacity', { launch: heard({ insufficient: 'none' }), 'launch:t3a.micro': named }, [named], ['i-1']],
    ['the two of a drill', { 'launch-throwaway': named, launch: other }, [named, other], ['i-1', 'i-2']],
    ['one that was never heard of', { launch: unheard }, [unheard], []],
    ['none: refused', { launch: heard({ refused: 'not authorized' }) }, [], []],
    ['none: answered with nothing', { launch: { ...unheard, outcomeAt: NOW } }, [], []],
    ['none: other calls', { 'launched-by-hand': named, 'stop:i-1': named, 'relaunch:i-1': named }, [], []],
  ])('are %s', (_what, calls, launches, ids) => {
    expect(launchesOf(failedLaunch({ calls }))).toEqual(launches);
    expect(launchedIds(failedLaunch({ calls }))).toEqual(ids);
  });

  it.each([
    ['it names it', { launch: named }, true],
    ['one of two names it', { 'launch-throwaway': other, launch: named }, true],
    ['one of two was never heard of', { 'launch-throwaway': other, launch: unheard }, true],
    ['it names another', { launch: other }, false],
    ['it was refused', { launch: heard({ refused: 'not authorized' }) }, false],
    ['there was none', {}, false],
  ])('may have made i-1 when %s: %s', (_what, calls, isLaunched) => {
    expect(isLaunchedBy(failedLaunch({ calls }), 'i-1')).toBe(isLaunched);
  });
});
