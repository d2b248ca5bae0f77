import { describe, expect, it } from 'vitest';
import { consoleDocuments, consoleLinks, documentUrl } from '../../../../core/incidents/messages/console-links.ts';
import type { MessageFacts } from '../../../../core/incidents/messages/message-facts.ts';
import { composeMessage } from '../../../../core/incidents/messages/messages.ts';
import type { IncidentStep } from '../../../../core/incidents/record.ts';
import type { Remediation } from '../../../../core/remediation/record.ts';
import { incidentOf, opening, remediationOf, shopWeb } from '../world.ts';

const approval = {
  requestedAt: opening,
  expiresAt: '2026-11-21T10:00:00.000Z',
  findings: ['The policy asks before every repair'],
  plan: { phases: ['launch'], kept: [], cannotKeep: [] },
} satisfies Remediation['approval'];

const facts = (remediation?: Remediation, severity: 'critical' | 'high' = 'high'): MessageFacts => ({
  incident: incidentOf({ severity }),
  now: opening,
  system: shopWeb,
  remediation,
  consoleDocuments,
});

const named = (step: IncidentStep, given: MessageFacts) => consoleLinks(step, given).map(({ document, parameters }) => [document, parameters] as const);

const running = remediationOf();
const { id } = running;
const [abort, pause] = [
  ['Perennial-Abort', { Remediation: id }],
  ['Perennial-Pause', { Target: 'system#shop-web' }],
];

const acknowledge = ['Perennial-Acknowledge', { Incident: incidentOf().id }];

describe('what a page links to', () => {
  it.each([
    [
      'approval-needed',
      'a question',
      facts(remediationOf({ phase: 'await-approval', approval })),
      [['Perennial-Approve', { Remediation: id }], abort, acknowledge],
    ],
    ['needs-person', 'a repair that is late', facts(running), [acknowledge, abort, pause]],
    ['needs-person', 'a repair that has ended', facts(remediationOf({ state: 'failed' })), [acknowledge, pause]],
    ['needs-person', 'no repair at all', facts(), [acknowledge, pause]],
    ['escalated', 'no repair at all', facts(), [acknowledge, pause]],
    [
      'needs-person',
      'a veto by a pause',
      facts(remediationOf({ state: 'vetoed', failure: { phase: 'guard', reason: 'x', guardrail: 'pause' } })),
      [acknowledge, ['Perennial-Resume', { Target: 'system#shop-web' }]],
    ],
    [
      'needs-person',
      'a frozen repair',
      facts(remediationOf({ frozen: { at: opening, target: 'global', by: 'kim', reason: 'x' } })),
      [acknowledge, ['Perennial-Resume', { Target: 'global' }], abort],
    ],
    ['detected', 'critical trouble', facts(running, 'critical'), [acknowledge, abort, pause]],
    ['would-have', 'a dry run', facts(remediationOf({ state: 'would-have' })), [acknowledge, pause]],
  ] as const)('%s about %s', (step, _what, given, expected) => {
    expect(named(step, given)).toEqual(expected);
  });

  it('is nothing where it pages nobody, where no document is deployed, or for one that is not', () => {
    expect(named('detected', facts(running))).toEqual([]);
    expect(named('replacing', facts(running))).toEqual([]);
    expect(named('needs-person', { ...facts(running), consoleDocuments: [] })).toEqual([]);
    expect(named('needs-person', { ...facts(running), consoleDocuments: undefined })).toEqual([]);
    expect(named('needs-person', { ...facts(running), consoleDocuments: ['Perennial-Pause'] })).toEqual([pause]);
  });

  it('is the whole account for what belongs to no system', () => {
    const { system: _system, ...incident } = incidentOf();
    expect(named('unknown-instance', { ...facts(), incident })).toEqual([acknowledge, ['Perennial-Pause', { Target: 'global' }]]);
  });
});

describe('the address of a document', () => {
  it.each([
    ['eu-central-1', 'https://eu-central-1.console.aws.amazon.com/systems-manager/automation/execute/Perennial-Pause?region=eu-central-1'],
    ['cn-north-1', 'https://cn-north-1.console.amazonaws.cn/systems-manager/automation/execute/Perennial-Pause?region=cn-north-1'],
    ['us-gov-west-1', 'https://us-gov-west-1.console.amazonaws-us-gov.com/systems-manager/automation/execute/Perennial-Pause?region=us-gov-west-1'],
    ['us-iso-east-1', undefined],
    ['eusc-de-east-1', undefined],
  ])('in %s', (region, url) => {
    expect(documentUrl('Perennial-Pause', { region }, {})).toBe(url);
  });

  it('carries the fields of the form, escaped', () => {
    expect(documentUrl('Perennial-Pause', { region: 'eu-central-1' }, { Target: 'system#shop-web' })).toMatch(
      /\?region=eu-central-1#Target=system%23shop-web$/,
    );
  });
});

describe('the message', () => {
  const asking = facts(remediationOf({ phase: 'await-approval', approval }));

  it('says what to type, after the commands; programs get the same', () => {
    const { text, data } = composeMessage('approval-needed', asking);
    const lines = text.split('\n');
    const at = lines.findIndex((line) => line.startsWith('With only a phone (AWS console, signed in to account 111122223333'));
    expect(lines.slice(at + 1, at + 3)).toEqual([
      `  Perennial-Approve, to say yes: https://eu-central-1.console.aws.amazon.com/systems-manager/automation/execute/Perennial-Approve?region=eu-central-1#Remediation=${id}`,
      `    Remediation = ${id}; Reason = why, in a few words`,
    ]);
    expect(lines.findIndex((line) => line.startsWith('Do next'))).toBeLessThan(at);
    expect(data['console']).toMatchObject([
      { document: 'Perennial-Approve', parameters: { Remediation: id } },
      { document: 'Perennial-Abort' },
      { document: 'Perennial-Acknowledge' },
    ]);
  });

  it('is word for word the same without documents, and its SMS in any case', () => {
    const without = composeMessage('approval-needed', { ...asking, consoleDocuments: [] });
    const withLinks = composeMessage('approval-needed', asking);
    expect(without.text).not.toContain('https://');
    expect(without.data).not.toHaveProperty('console');
    expect(withLinks.sms).toBe(without.sms);
    expect(withLinks.sms.length).toBeLessThanOrEqual(160);
    expect(withLinks.sms).not.toContain('http');
  });
});
