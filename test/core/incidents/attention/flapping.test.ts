import { describe, expect, it } from 'vitest';
import { addSeconds } from '../../../../core/environment/time.ts';
import { flappingOf } from '../../../../core/incidents/attention/flapping.ts';
import type { TimelineEvent } from '../../../../core/incidents/record.ts';

const now = '2026-11-21T10:00:00.000Z';
const said = (minutesAgo: number, state: 'firing' | 'resolved', fingerprint = 'f1'): TimelineEvent => {
  const at = addSeconds(now, -60 * minutesAgo);
  return { at, eventId: `signal:${fingerprint}:${state === 'resolved' ? 'resolved:' : ''}${at}`, incidentId: 'inc-1', kind: 'signal', text: '' };
};
const toAndFro = (count: number, everyMinutes: number): readonly TimelineEvent[] =>
  Array.from({ length: count }, (_, index) => said((count - 1 - index) * everyMinutes, index % 2 === 0 ? 'firing' : 'resolved'));

describe('flappingOf', () => {
  it.each([
    ['five changes in half an hour are none', toAndFro(5, 2), undefined],
    ['six are', toAndFro(6, 2), { changes: 6, seconds: 1800 }],
    ['six that take longer are none', toAndFro(6, 7), undefined],
    ['what is said again is no change', Array.from({ length: 20 }, (_, index) => said(index, 'firing')), undefined],
    [
      'changes of several signals are not added',
      [...toAndFro(4, 2), ...toAndFro(4, 3).map((event) => ({ ...event, eventId: event.eventId.replace('f1', 'f2') }))],
      undefined,
    ],
    ['in any order', toAndFro(6, 2).toReversed(), { changes: 6, seconds: 1800 }],
  ])('%s', (_name, timeline, expected) => expect(flappingOf(timeline, now)).toEqual(expected));
});
