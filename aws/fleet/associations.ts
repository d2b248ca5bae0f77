import {
  type AssociationDescription,
  DescribeAssociationCommand,
  ListAssociationsCommand,
  type SSMClient,
  UpdateAssociationCommand,
  type UpdateAssociationCommandInput,
} from '@aws-sdk/client-ssm';
import { PermanentError } from '../../core/environment/errors.ts';
import { present } from '../../core/environment/present.ts';
import type { AssociationMover } from '../../core/remediation/surroundings/attachment-ports.ts';
import type { CapturedAssociation } from '../../core/remediation/surroundings/capture.ts';
import { callAws } from '../platform/aws-errors.ts';
import { absentOr } from './instance-reader.ts';

const INSTANCE_IDS = 'InstanceIds';

export function createAssociationMover(ssm: SSMClient): AssociationMover {
  return {
    targets: async (associationId) => {
      const found = await describe(ssm, associationId);
      return found === undefined ? undefined : instanceIdsOf(found);
    },
    retarget: (associationId, fromInstanceId, toInstanceId) => retarget(ssm, associationId, fromInstanceId, toInstanceId),
  };
}

/** Those that name the instance by its id; what finds it by a tag finds its replacement too. */
export async function readAssociations(ssm: SSMClient, instanceId: string): Promise<CapturedAssociation[]> {
  const input = { AssociationFilterList: [{ key: 'InstanceId' as const, value: instanceId }], MaxResults: 50 };
  const { Associations = [] } = await callAws(`list the associations of ${instanceId}`, () => ssm.send(new ListAssociationsCommand(input)));
  return Associations.flatMap(({ AssociationId, AssociationName, Name, Targets = [] }) => {
    const names = Targets.some(({ Key, Values = [] }) => Key === INSTANCE_IDS && Values.includes(instanceId));
    return AssociationId === undefined || !names
      ? []
      : [{ associationId: AssociationId, documentName: Name ?? 'unknown', ...present({ name: AssociationName }) }];
  });
}

async function describe(ssm: SSMClient, associationId: string): Promise<AssociationDescription | undefined> {
  const answer = await absentOr(`describe the association ${associationId}`, ['AssociationDoesNotExist'], () =>
    ssm.send(new DescribeAssociationCommand({ AssociationId: associationId })),
  );
  return answer?.AssociationDescription;
}

function instanceIdsOf({ Targets = [] }: AssociationDescription): readonly string[] {
  return Targets.filter(({ Key }) => Key === INSTANCE_IDS).flatMap(({ Values = [] }) => Values);
}

async function retarget(ssm: SSMClient, associationId: string, from: string, to: string): Promise<void> {
  const now = await describe(ssm, associationId);
  if (now === undefined) throw new PermanentError(`The association ${associationId} does not exist any more.`);
  await callAws(`let the association ${associationId} name ${to}`, () => ssm.send(new UpdateAssociationCommand(updateOf(now, associationId, from, to))));
}

/**
 * Whole, because what an update leaves out is set to nothing: https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_UpdateAssociation.html
 * The association is applied to the replacement at once, unless it may run at its schedule only.
 */
function updateOf(now: AssociationDescription, AssociationId: string, from: string, to: string): UpdateAssociationCommandInput {
  const { AssociationName, DocumentVersion, Parameters, ScheduleExpression, OutputLocation, AutomationTargetParameterName } = now;
  const { MaxErrors, MaxConcurrency, ComplianceSeverity, SyncCompliance, ApplyOnlyAtCronInterval, CalendarNames } = now;
  const { TargetLocations, ScheduleOffset, Duration, TargetMaps, AlarmConfiguration, Targets = [] } = now;
  return {
    AssociationId,
    Targets: Targets.map(({ Key, Values = [] }) => ({
      Key,
      Values: Key === INSTANCE_IDS ? [...new Set(Values.map((value) => (value === from ? to : value)))] : Values,
    })),
    ...present({ AssociationName, DocumentVersion, Parameters, ScheduleExpression, OutputLocation, AutomationTargetParameterName }),
    ...present({ MaxErrors, MaxConcurrency, ComplianceSeverity, SyncCompliance, ApplyOnlyAtCronInterval, CalendarNames }),
    ...present({ TargetLocations, ScheduleOffset, Duration, TargetMaps, AlarmConfiguration }),
  };
}
