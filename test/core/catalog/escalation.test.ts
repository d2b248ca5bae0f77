import { describe, expect, it } from 'vitest';
import { checkCatalog } from '../../../core/catalog/check.ts';

const system = `
apiVersion: perennial/v1
kind: System
metadata: { name: shop-web }
spec:
  purpose: x
  impact: y
  owners: { owner: team-shop }
  environment: prod
  topology: multiple
  roles: [web]
  recovery: { rtoSeconds: 600, rpoSeconds: 0 }
  image: { role: web }
`;
const policy = (name: string, spec: string) => `
---
apiVersion: perennial/v1
kind: EscalationPolicy
metadata: { name: ${name} }
spec: ${spec}
`;
const errorsOf = (text: string) => checkCatalog([{ path: 'ops/a.yaml', text }]).errors.map(({ path, message }) => `${path}: ${message}`);
const levels = 'levels: [{ afterMinutes: 5, roles: [operators] }]';

describe('an EscalationPolicy', () => {
  it('for a system and for all others is fine, with hours and channels', () => {
    const hours = "hours: { timeZone: Asia/Seoul, days: [mon], from: '09:00', to: '18:00' }";
    const one = `{ systems: [shop-web], levels: [{ afterMinutes: 5, roles: [office], channels: [sms], ${hours} }, { afterMinutes: 6, roles: [operators] }] }`;
    expect(errorsOf(system + policy('web', one) + policy('others', `{ ${levels} }`))).toEqual([]);
  });

  it.each([
    ['an unknown system', `{ systems: [shop-wbe], ${levels} }`, /systems\[0\]: there is no System named "shop-wbe"/],
    [
      'levels that do not rise',
      '{ levels: [{ afterMinutes: 5, roles: [a] }, { afterMinutes: 5, roles: [b] }] }',
      /levels: every level must come later than the one before it/,
    ],
    ['a time that is none', "{ levels: [{ afterMinutes: 5, roles: [a], hours: { from: '9', to: '18:00' } }] }", /hours\.from: must be a time of day, HH:MM/],
    [
      'a zone that is none',
      "{ levels: [{ afterMinutes: 5, roles: [a], hours: { timeZone: Mars, from: '09:00', to: '18:00' } }] }",
      /timeZone: must be a time zone/,
    ],
    ['no level', '{ levels: [] }', /levels/],
  ])('with %s is refused', (_name, spec, expected) => {
    const errors = errorsOf(system + policy('web', spec));
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatch(expected);
  });

  it('beside another one for the same system, or for all others, is refused', () => {
    const twice = policy('one', `{ systems: [shop-web], ${levels} }`) + policy('two', `{ systems: [shop-web], ${levels} }`);
    expect(errorsOf(system + twice)).toEqual([expect.stringContaining('the system "shop-web" has an EscalationPolicy already: "one"')]);
    expect(errorsOf(system + policy('one', `{ ${levels} }`) + policy('two', `{ ${levels} }`))).toEqual([
      expect.stringContaining('every other system has an EscalationPolicy already: "one"'),
    ]);
  });
});
