import { describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import { foreignAutomationTags } from '../../core/remediation/phases/quarantine.ts';
import { parseTemplate, resourcesOf as resourcesByType, synthesise } from './template.ts';
import { actionsOf, roleStatements, type Statement } from './template-rules.ts';

const environmentSchema = z.object({
  Variables: z.object({ OBSERVE_VERSION_ARN: z.unknown(), ACT_VERSION_ARN: z.unknown(), STATE_MACHINE_ARN: z.unknown() }),
});

const template = parseTemplate(synthesise().main.template);

/** The statements of the function's role; ids begin with the path of the construct. */
function statementsOf(name: string): readonly Statement[] {
  return roleStatements(template)
    .filter(([id]) => id.startsWith(`Functions${name}Role`))
    .map(([, statement]) => statement);
}

function having(statements: readonly Statement[], action: string): readonly Statement[] {
  return statements.filter((statement) => actionsOf(statement).includes(action));
}

/** `arn:…:instance/*` without what comes before the type. */
function resourcesOf(statements: readonly Statement[]): readonly string[] {
  return statements
    .flatMap(({ Resource }): readonly unknown[] => (Array.isArray(Resource) ? Array.from<unknown>(Resource) : [Resource]))
    .map((resource) => (JSON.stringify(resource) ?? '').replace(/^.*":+([^"]*)"\]\]\}$/, '$1'));
}

const functionNames = ['Signals', 'Observe', 'Act', 'Reap', 'Sweep', 'Impaired', 'Budget', 'Page', 'PublishCatalog'];
const fleetChange = /^(ec2|elasticloadbalancing|autoscaling|cloudwatch):(?!Describe|Get|List)/;
const systems = { 'aws:ResourceTag/perennial:system': ['shop-reports', 'shop-web'] };

describe('three roles', () => {
  it('observe changes nothing of the fleet', () => {
    expect(
      statementsOf('Observe')
        .flatMap(actionsOf)
        .filter((action) => fleetChange.test(action)),
    ).toEqual([]);
  });

  it('act terminates and deletes nothing', () => {
    const actions = statementsOf('Act').flatMap(actionsOf);
    expect(actions.filter((action) => /Terminate|Delete(?!Tags)/.test(action))).toEqual([]);
    expect(actions).toContain('ec2:RunInstances');
  });

  it('only reap terminates, and only what carries our quarantine tag', () => {
    const terminating = functionNames.filter((name) => having(statementsOf(name), 'ec2:TerminateInstances').length > 0);
    expect(terminating).toEqual(['Reap']);
    const [statement] = having(statementsOf('Reap'), 'ec2:TerminateInstances');
    expect(statement?.Condition).toEqual({ Null: { 'ec2:ResourceTag/perennial:quarantine': 'false' } });
    expect(
      statementsOf('Reap')
        .flatMap(actionsOf)
        .filter((action) => fleetChange.test(action)),
    ).toEqual([
      'ec2:ModifyInstanceAttribute',
      'ec2:TerminateInstances',
      'ec2:StopInstances',
      'ec2:CreateTags',
      'ec2:DeleteNetworkInterface',
      'ec2:DeleteVolume',
      'ec2:DeleteSnapshot',
      'autoscaling:DetachInstances',
    ]);
  });

  it('reap takes members out of groups of listed systems only, and ends them by the tag of the instance alone', () => {
    const reap = statementsOf('Reap');
    expect(having(reap, 'autoscaling:DetachInstances').map(({ Condition }) => Condition)).toEqual([
      { Null: { 'autoscaling:ResourceTag/perennial:system': 'false' } },
    ]);
    expect(reap.flatMap(actionsOf)).not.toContain('autoscaling:TerminateInstanceInAutoScalingGroup');
  });

  it('reap starts and looks at executions of our one machine', () => {
    const reap = statementsOf('Reap');
    expect(resourcesOf(having(reap, 'states:StartExecution'))).toEqual(['stateMachine:perennial-remediation']);
    expect(resourcesOf(having(reap, 'states:DescribeExecution'))).toEqual(['execution:perennial-remediation:*']);
  });

  it('reap stops, marks and deletes only what a launch of ours tagged, and marks with quarantine tags only (S0-27)', () => {
    const ours = { 'aws:ResourceTag/perennial:remediation': 'false' };
    for (const action of ['ec2:StopInstances', 'ec2:DeleteNetworkInterface', 'ec2:DeleteVolume', 'ec2:DeleteSnapshot']) {
      expect(having(statementsOf('Reap'), action).map(({ Condition }) => Condition)).toEqual([{ Null: ours }]);
    }
    expect(having(statementsOf('Reap'), 'ec2:CreateTags').map(({ Condition }) => Condition)).toEqual([
      {
        Null: { ...ours, 'aws:TagKeys': 'false' },
        'ForAllValues:StringEquals': { 'aws:TagKeys': ['perennial:quarantine', 'perennial:quarantine-until', 'perennial:remediation'] },
      },
    ]);
  });

  it('nobody but act changes the fleet, beside reap', () => {
    const changing = functionNames.filter((name) =>
      statementsOf(name)
        .flatMap(actionsOf)
        .some((action) => fleetChange.test(action)),
    );
    expect(changing).toEqual(['Act', 'Reap']);
  });

  it('nobody deletes a record', () => {
    expect(
      functionNames
        .flatMap(statementsOf)
        .flatMap(actionsOf)
        .filter((action) => /^dynamodb:(Delete|BatchWrite|Update)/.test(action)),
    ).toEqual([]);
  });
});

describe('act is scoped by what the catalog lists', () => {
  const act = statementsOf('Act');

  it.each(['ec2:StopInstances', 'ec2:StartInstances', 'ec2:DisassociateIamInstanceProfile', 'ec2:GetConsoleOutput', 'ec2:DescribeInstanceAttribute'])(
    '%s: instances of listed systems',
    (action) => {
      const found = having(act, action);
      expect(found.map(({ Condition }) => Condition)).toEqual([{ StringEquals: systems }]);
      expect(resourcesOf(found)).toEqual(['instance/*']);
    },
  );

  it('launches what will carry the tags of a listed system and of its remediation', () => {
    const launch = having(act, 'ec2:RunInstances');
    expect(resourcesOf(launch).toSorted()).toEqual([
      'image/*',
      'instance/*',
      'key-pair/*',
      'launch-template/*',
      'network-interface/*',
      'security-group/*',
      'subnet/*',
      'volume/*',
    ]);
    const remediation = { 'aws:RequestTag/perennial:remediation': 'false' };
    const conditions = launch.map(({ Condition }) => Condition).filter((condition) => condition !== undefined);
    expect(conditions).toEqual([
      { StringEquals: { 'aws:RequestTag/perennial:system': ['shop-reports', 'shop-web'] }, Null: remediation },
      { Null: remediation },
      { Null: remediation },
    ]);
  });

  it('tags what it creates, and marks with our keys what is ours', () => {
    const marking = { StringEquals: systems, 'ForAllValues:StringLike': { 'aws:TagKeys': ['perennial:*'] }, Null: { 'aws:TagKeys': 'false' } };
    // On the way back from quarantine.
    const returned = { ...marking, 'ForAllValues:StringLike': { 'aws:TagKeys': [...foreignAutomationTags] } };
    const launched = { StringEquals: { 'ec2:CreateAction': 'RunInstances' } };
    const made = { StringEquals: { 'ec2:CreateAction': 'CreateSecurityGroup' } };
    const snapshots = { StringEquals: { 'ec2:CreateAction': 'CreateSnapshots' } };
    const keptRoot = {
      'ForAllValues:StringEquals': { 'aws:TagKeys': ['perennial:remediation', 'perennial:quarantine-until'] },
      Null: { 'aws:TagKeys': 'false', 'aws:RequestTag/perennial:remediation': 'false' },
    };
    expect(having(act, 'ec2:CreateTags').map(({ Condition }) => Condition)).toEqual([
      marking,
      returned,
      launched,
      launched,
      launched,
      made,
      snapshots,
      keptRoot,
    ]);
  });

  it('runs scripts on instances of listed systems only, with one document of AWS', () => {
    const [onInstances, document] = having(act, 'ssm:SendCommand');
    expect(onInstances?.Condition).toEqual({ StringEquals: { 'ssm:resourceTag/perennial:system': ['shop-reports', 'shop-web'] } });
    expect(JSON.stringify(document?.Resource)).toContain('::document/AWS-RunShellScript');
  });

  it('takes off and puts back only what a quarantine changes, on instances of listed systems', () => {
    const keysOf = having(act, 'ec2:DeleteTags').map(({ Condition }) => Condition?.['ForAllValues:StringLike']);
    expect(keysOf).toEqual([
      { 'aws:TagKeys': [...foreignAutomationTags] },
      { 'aws:TagKeys': ['perennial:quarantine', 'perennial:quarantine-until', 'perennial:remediation'] },
    ]);
    expect(having(act, 'ec2:DeleteTags').map(({ Condition }) => Condition?.['StringEquals'])).toEqual([systems, systems]);
    expect(resourcesOf(having(act, 'ec2:AssociateIamInstanceProfile'))).toEqual(['instance/*']);
  });

  it('moves interfaces into security groups, and opens or closes none but ours', () => {
    expect(resourcesOf(having(act, 'ec2:ModifyNetworkInterfaceAttribute'))).toEqual(['security-group/*', 'network-interface/*']);
    expect(having(act, 'ec2:RevokeSecurityGroupEgress').map(({ Condition }) => Condition)).toEqual([
      { Null: { 'aws:ResourceTag/perennial:quarantine': 'false' } },
    ]);
    expect(act.flatMap(actionsOf).filter((action) => /SecurityGroup(In|E)gress/.test(action))).toEqual(['ec2:RevokeSecurityGroupEgress']);
  });

  it('takes volumes and interfaces from, and gives them to, instances of listed systems only; deletes none (S0-27)', () => {
    for (const action of ['ec2:AttachVolume', 'ec2:DetachVolume', 'ec2:AttachNetworkInterface', 'ec2:DetachNetworkInterface', 'ec2:ModifyInstanceAttribute']) {
      const onInstances = having(act, action).filter((statement) => resourcesOf([statement]).includes('instance/*'));
      expect(onInstances.map(({ Condition }) => Condition)).toEqual([{ StringEquals: systems }]);
    }
    expect(resourcesOf(having(act, 'ec2:CreateSnapshots'))).toEqual(['instance/*', 'volume/*', 'snapshot/*']);
  });

  it('rewrites addresses in records of declared zones only, and never deletes one', () => {
    expect(having(act, 'route53:ChangeResourceRecordSets').map(({ Condition }) => Condition)).toEqual([
      {
        'ForAllValues:StringLike': { 'route53:ChangeResourceRecordSetsNormalizedRecordNames': ['shop.example.com', '*.shop.example.com'] },
        'ForAllValues:StringEquals': {
          'route53:ChangeResourceRecordSetsActions': ['UPSERT'],
          'route53:ChangeResourceRecordSetsRecordTypes': ['A', 'CNAME'],
        },
        Null: { 'route53:ChangeResourceRecordSetsActions': 'false' },
      },
    ]);
  });

  it('points associations at instances of listed systems only', () => {
    const onInstances = having(act, 'ssm:UpdateAssociation').filter((statement) => resourcesOf([statement]).includes('instance/*'));
    expect(onInstances.map(({ Condition }) => Condition)).toEqual([{ StringEquals: { 'ssm:resourceTag/perennial:system': ['shop-reports', 'shop-web'] } }]);
  });

  it('registers with the listed target groups, clones the listed alarms, passes the listed roles to EC2', () => {
    expect(resourcesOf(having(act, 'elasticloadbalancing:RegisterTargets'))).toEqual(['targetgroup/shop-web-targets/*']);
    expect(resourcesOf(having(act, 'cloudwatch:PutMetricAlarm'))).toEqual(['alarm:shop-reports-late', 'alarm:shop-reports-late--*', 'alarm:shop-web-*']);
    const passing = having(act, 'iam:PassRole');
    expect(resourcesOf(passing)).toEqual(['role/shop-reports-role', 'role/shop-web-role']);
    expect(passing[0]?.Condition).toEqual({ StringEquals: { 'iam:PassedToService': 'ec2.amazonaws.com' } });
  });
});

describe('the way of a signal', () => {
  const signals = statementsOf('Signals');

  it('signals starts the machine and nothing else, and touches no fleet', () => {
    expect(JSON.stringify(having(signals, 'states:StartExecution').map(({ Resource }) => Resource))).toContain('RemediationMachine');
    expect(signals.flatMap(actionsOf).filter((action) => action.startsWith('ec2:'))).toEqual([]);
  });

  it('arms pages under our prefix and passes the one role that calls the page function', () => {
    expect(resourcesOf(having(signals, 'scheduler:CreateSchedule')).join(' ')).toContain('/perennial-page-*');
    expect(having(signals, 'iam:PassRole').map(({ Condition }) => Condition)).toEqual([{ StringEquals: { 'iam:PassedToService': 'scheduler.amazonaws.com' } }]);
    expect(JSON.stringify(having(signals, 'iam:PassRole').map(({ Resource }) => Resource))).toContain('SchedulesPageRole');
  });

  it('the machine invokes versions of observe and act, and no other function', () => {
    const invoking = roleStatements(template).filter(
      ([id, statement]) => id.startsWith('RemediationRole') && actionsOf(statement).includes('lambda:InvokeFunction'),
    );
    const resources = JSON.stringify(invoking.map(([, { Resource }]) => Resource));
    expect(resources.match(/Functions\w+Function/g)).toEqual(['FunctionsObserveFunction', 'FunctionsActFunction']);
    expect(resources.match(/":\*"/g)).toHaveLength(2);
  });
});

/** What a function that starts, or looks after, repairs is told. */
function variablesOf(id: string): z.infer<typeof environmentSchema>['Variables'] {
  const found = resourcesByType(template, 'AWS::Lambda::Function').find(([name]) => name.startsWith(id));
  return environmentSchema.parse(found?.[1].Properties['Environment']).Variables;
}

describe('the sweep of function versions', () => {
  const sweep = statementsOf('Sweep');

  it('lists and deletes versions of the two functions that the machine calls', () => {
    const listing = JSON.stringify(having(sweep, 'lambda:ListVersionsByFunction').map(({ Resource }) => Resource));
    expect(listing.match(/Functions\w+Function/g)).toEqual(['FunctionsObserveFunction', 'FunctionsActFunction']);
    const deleting = JSON.stringify(having(sweep, 'lambda:DeleteFunction').map(({ Resource }) => Resource));
    expect(deleting.match(/Functions\w+Function/g)).toEqual(['FunctionsObserveFunction', 'FunctionsActFunction']);
  });

  it('deletes versions only, never a function: every ARN goes on behind the name', () => {
    const resources = having(sweep, 'lambda:DeleteFunction').flatMap(({ Resource }) => (Array.isArray(Resource) ? Array.from<unknown>(Resource) : [Resource]));
    expect(resources).toHaveLength(2);
    for (const resource of resources) expect(JSON.stringify(resource)).toMatch(/^\{"Fn::Join":\["",\[\{"Fn::GetAtt":\["\w+","Arn"\]\},":\*"\]\]\}$/);
  });

  it('nobody else may delete anything of Lambda, and only the reaper reads executions too', () => {
    const others = functionNames.filter((name) => name !== 'Sweep' && name !== 'Reap').flatMap(statementsOf);
    expect(others.flatMap(actionsOf).filter((action) => action.startsWith('lambda:') || action === 'states:DescribeExecution')).toEqual([]);
    expect(resourcesOf(having(sweep, 'states:DescribeExecution'))).toEqual(['execution:perennial-remediation:*']);
    expect(
      statementsOf('Reap')
        .flatMap(actionsOf)
        .filter((action) => action.startsWith('lambda:')),
    ).toEqual([]);
  });

  it('knows the versions that the next repair is started with, as signals does', () => {
    const [sweepTold, signalsTold] = [variablesOf('FunctionsSweepFunction'), variablesOf('FunctionsSignalsFunction')];
    expect(sweepTold.OBSERVE_VERSION_ARN).toEqual(signalsTold.OBSERVE_VERSION_ARN);
    expect(sweepTold.ACT_VERSION_ARN).toEqual(signalsTold.ACT_VERSION_ARN);
    expect(JSON.stringify(sweepTold.STATE_MACHINE_ARN)).toContain(':stateMachine:perennial-remediation');
  });
});
