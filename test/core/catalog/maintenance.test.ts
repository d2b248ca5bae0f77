import { describe, expect, it } from 'vitest';
import { checkCatalog } from '../../../core/catalog/check.ts';
import { openWindow } from '../../../core/catalog/maintenance.ts';
import { type MaintenanceWindow, windowSchema } from '../../../core/catalog/schema.ts';

const windowOf = (spec: Readonly<Record<string, unknown>> = {}): MaintenanceWindow =>
  windowSchema.parse({
    apiVersion: 'perennial/v1',
    kind: 'MaintenanceWindow',
    metadata: { name: 'saturday' },
    spec: { systems: ['shop-web'], schedule: '0 2 * * 6', durationMinutes: 90, author: 'kim', ...spec },
  });

describe('a maintenance window', () => {
  // 2026-11-21 is a Saturday
  it.each([
    ['before it opens', '2026-11-21T01:59:59.999Z', undefined],
    ['as it opens', '2026-11-21T02:00:00.000Z', '2026-11-21T03:30:00.000Z'],
    ['shortly before it closes', '2026-11-21T03:29:59.000Z', '2026-11-21T03:30:00.000Z'],
    ['as it closes', '2026-11-21T03:30:00.000Z', undefined],
    ['on another day', '2026-11-20T02:30:00.000Z', undefined],
  ])('%s', (_name, at, until) => {
    expect(openWindow([windowOf()], 'shop-web', at)?.until).toBe(until);
  });

  it('is of its systems only', () => {
    expect(openWindow([windowOf()], 'shop-db', '2026-11-21T02:30:00.000Z')).toBeUndefined();
  });

  it('opens by its own time zone, also over a change of the clocks', () => {
    const night = windowOf({ timeZone: 'Europe/Berlin', schedule: '0 3 * * *', durationMinutes: 60 });
    expect(openWindow([night], 'shop-web', '2026-10-24T01:30:00.000Z')?.until).toBe('2026-10-24T02:00:00.000Z');
    expect(openWindow([night], 'shop-web', '2026-10-26T02:30:00.000Z')?.until).toBe('2026-10-26T03:00:00.000Z');
  });

  it('ends for good when it says so, in the middle if need be', () => {
    const once = windowOf({ until: '2026-11-21T02:30:00Z' });
    expect(openWindow([once], 'shop-web', '2026-11-21T02:10:00.000Z')?.until).toBe('2026-11-21T02:30:00Z');
    expect(openWindow([once], 'shop-web', '2026-11-21T02:40:00.000Z')).toBeUndefined();
    expect(openWindow([once], 'shop-web', '2026-11-28T02:10:00.000Z')).toBeUndefined();
  });

  it('that closes last counts, where several are open', () => {
    const long = { ...windowOf({ durationMinutes: 300 }), metadata: { name: 'long', labels: {} } };
    expect(openWindow([windowOf(), long], 'shop-web', '2026-11-21T02:10:00.000Z')).toMatchObject({ name: 'long', until: '2026-11-21T07:00:00.000Z' });
    expect(openWindow([long, windowOf()], 'shop-web', '2026-11-21T02:10:00.000Z')).toMatchObject({ name: 'long' });
  });
});

const text = (spec: string): string => `apiVersion: perennial/v1
kind: MaintenanceWindow
metadata: { name: saturday }
spec: ${spec}
`;

describe('a maintenance window in the catalog', () => {
  it.each([
    ['a schedule that is none', '{ systems: [a], schedule: "61 2 * * 6", durationMinutes: 90, author: kim }', 4, /cron expression/, /0 2 \* \* 6/],
    [
      'a schedule of six fields',
      '{ systems: [a], schedule: "0 0 2 * * 6", durationMinutes: 90, author: kim }',
      4,
      /cron expression of five fields/,
      /every Saturday/,
    ],
    [
      'a time zone that is none',
      '{ systems: [a], schedule: "0 2 * * 6", timeZone: Mars/Olympus, durationMinutes: 90, author: kim }',
      4,
      /time zone/,
      /Asia\/Seoul/,
    ],
    ['an end that is no moment', '{ systems: [a], schedule: "0 2 * * 6", durationMinutes: 90, author: kim, until: tomorrow }', 4, /moment/, /2026-12-31/],
    ['nobody who works', '{ systems: [a], schedule: "0 2 * * 6", durationMinutes: 90 }', 4, /author/, /author/],
    ['a system that nobody declares', '{ systems: [shop-wbe], schedule: "0 2 * * 6", durationMinutes: 90, author: kim }', 4, /no System named "shop-wbe"/, /./],
  ])('%s is an error with its place', (_name, spec, line, message, fix) => {
    const { errors } = checkCatalog([{ path: 'ops/window.yaml', text: text(spec) }]);
    expect(errors[0]).toMatchObject({ file: 'ops/window.yaml', line });
    expect(errors.map((error) => error.message).join()).toMatch(message);
    expect(errors.map((error) => error.fix).join()).toMatch(fix);
  });
});
