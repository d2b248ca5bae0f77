import { describe, expect, it } from 'vitest';
import { moveAssociations, returnAssociations } from '../../../../core/remediation/phases/associations.ts';
import type { Remediation } from '../../../../core/remediation/record.ts';
import { OLD } from '../world.ts';
import { type Answers, done, leftAlone, NEW, openStage, ran, stillAttachments, wait } from './stage.ts';

const capture = { associations: [{ associationId: 'assoc-1', documentName: 'AWS-ConfigureAWSPackage' }] };
const movingRecord: Partial<Remediation> = { newInstanceId: NEW, phase: 'move-associations' };
const returningRecord: Partial<Remediation> = { newInstanceId: NEW, phase: 'return-associations', phases: [ran('move-associations')] };

const naming = (targets: readonly string[] | undefined): Answers => ({
  ...stillAttachments,
  associations: { ...stillAttachments.associations, targets: async () => targets },
});

const gone = 'the association assoc-1 (it does not exist any more)';

describe('a Systems Manager association that names the instance', () => {
  it.for([
    ['does not exist any more', undefined, leftAlone(gone)],
    ['names neither of the two', ['i-other'], leftAlone('the association assoc-1 (it names neither i-old nor i-new0001 any more)')],
    ['names nobody', [], leftAlone('the association assoc-1 (it names neither i-old nor i-new0001 any more)')],
    ['names the replacement', [NEW, 'i-other'], done('In place: assoc-1 (AWS-ConfigureAWSPackage) for i-new0001')],
  ] as const)('that %s is not touched', async ([, targets, result]) => {
    const { run, made } = await openStage({ record: movingRecord, capture, answers: naming(targets) });
    expect(await run(moveAssociations)).toEqual(result);
    expect(made).toEqual([]);
  });

  it.for([[[OLD, 'i-other']], [[OLD, NEW]]] as const)('names the replacement instead of the old instance: %j', async ([targets]) => {
    const { run, made, calls } = await openStage({ record: movingRecord, capture, answers: naming(targets) });
    const result = wait('The association assoc-1 still names i-old');
    expect([await run(moveAssociations), await run(moveAssociations)]).toEqual([result, result]);
    expect(made).toEqual([['associations.retarget', 'assoc-1', OLD, NEW]]);
    expect(await calls()).toEqual(['move:association:assoc-1']);
  });

  it('names the old instance again on the way back', async () => {
    const { run, made, calls } = await openStage({ record: returningRecord, capture, answers: naming([NEW]) });
    expect(await run(returnAssociations)).toEqual(wait('The association assoc-1 still names i-new0001'));
    expect(await run(returnAssociations, naming([OLD]))).toEqual(done('In place: assoc-1 (AWS-ConfigureAWSPackage) for i-old'));
    expect(made).toEqual([['associations.retarget', 'assoc-1', NEW, OLD]]);
    expect(await calls()).toEqual(['return:association:assoc-1']);
  });

  it('goes nowhere back where none had begun to move', async () => {
    const { run, made } = await openStage({ record: movingRecord, capture, answers: naming([NEW]) });
    expect(await run(returnAssociations)).toEqual(done('Nothing of it had moved'));
    expect(made).toEqual([]);
  });

  it('may be none', async () => {
    const { run } = await openStage({ record: movingRecord, capture: { associations: undefined } });
    expect(await run(moveAssociations)).toEqual(done('Nothing to move'));
  });
});
