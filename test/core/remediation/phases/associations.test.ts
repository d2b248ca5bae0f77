import { describe, expect, it } from 'vitest';
import { moveAssociations, returnAssociations } from '../../../../core/remediation/phases/associations.ts';
import type { Remediation } from '../../../../core/remediation/record.ts';
import { NOW } from '../builders.ts';
import { OLD } from '../world.ts';
import { type Answers, NEW, stage, stillAttachments } from './one-phase.ts';

const capture = { associations: [{ associationId: 'assoc-1', documentName: 'AWS-ConfigureAWSPackage' }] };
const movingRecord: Partial<Remediation> = { newInstanceId: NEW, phase: 'move-associations' };
const returningRecord: Partial<Remediation> = {
  newInstanceId: NEW,
  phase: 'return-associations',
  phases: [{ name: 'move-associations', startedAt: NOW, endedAt: NOW, outcome: 'done', reason: 'moved' }],
};

const naming = (targets: readonly string[] | undefined): Answers => ({
  ...stillAttachments,
  associations: { ...stillAttachments.associations, targets: async () => targets },
});

const leftAlone = (note: string) => ({ kind: 'done', reason: `Nothing to move; ${note}`, patch: { differences: [note] } });
const gone = 'the association assoc-1 (it does not exist any more)';

describe('a Systems Manager association that names the instance', () => {
  it.for([
    ['does not exist any more', undefined, leftAlone(gone)],
    ['names neither of the two', ['i-other'], leftAlone('the association assoc-1 (it names neither i-old nor i-new any more)')],
    ['names nobody', [], leftAlone('the association assoc-1 (it names neither i-old nor i-new any more)')],
    ['names the replacement', [NEW, 'i-other'], { kind: 'done', reason: 'In place: assoc-1 (AWS-ConfigureAWSPackage) for i-new' }],
  ] as const)('that %s is not touched', async ([, targets, result]) => {
    const { run, made } = await stage({ record: movingRecord, capture, answers: naming(targets) });
    expect(await run(moveAssociations)).toEqual(result);
    expect(made).toEqual([]);
  });

  it.for([[[OLD, 'i-other']], [[OLD, NEW]]] as const)('names the replacement instead of the old instance: %j', async ([targets]) => {
    const { run, made, calls } = await stage({ record: movingRecord, capture, answers: naming(targets) });
    const result = { kind: 'wait', seconds: 3, reason: 'The association assoc-1 still names i-old' };
    expect([await run(moveAssociations), await run(moveAssociations)]).toEqual([result, result]);
    expect(made).toEqual([['associations.retarget', 'assoc-1', OLD, NEW]]);
    expect(await calls()).toEqual(['move:association:assoc-1']);
  });

  it('names the old instance again on the way back', async () => {
    const { run, made, calls } = await stage({ record: returningRecord, capture, answers: naming([NEW]) });
    expect(await run(returnAssociations)).toEqual({ kind: 'wait', seconds: 3, reason: 'The association assoc-1 still names i-new' });
    expect(await run(returnAssociations, naming([OLD]))).toEqual({ kind: 'done', reason: 'In place: assoc-1 (AWS-ConfigureAWSPackage) for i-old' });
    expect(made).toEqual([['associations.retarget', 'assoc-1', NEW, OLD]]);
    expect(await calls()).toEqual(['return:association:assoc-1']);
  });

  it('goes nowhere back where none had begun to move', async () => {
    const { run, made } = await stage({ record: movingRecord, capture, answers: naming([NEW]) });
    expect(await run(returnAssociations)).toEqual({ kind: 'done', reason: 'Nothing of it had moved' });
    expect(made).toEqual([]);
  });

  it('may be none', async () => {
    const { run } = await stage({ record: movingRecord, capture: { associations: undefined } });
    expect(await run(moveAssociations)).toEqual({ kind: 'done', reason: 'Nothing to move' });
  });
});
