import { describe, expect, it } from 'vitest';
import { parseTemplate, synthesise } from './template.ts';
import { actionsOf, roleStatements, type Statement } from './template-rules.ts';

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
    ).toEqual(['ec2:ModifyInstanceAttribute', 'ec2:TerminateInstances']);
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
    expect(resourcesOf(launch).toSorted()).toEqual(['image/*', 'instance/*', 'key-pair/*', 'network-interface/*', 'security-group/*', 'subnet/*', 'volume/*']);
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
    const launched = { StringEquals: { 'ec2:CreateAction': 'RunInstances' } };
    const made = { StringEquals: { 'ec2:CreateAction': 'CreateSecurityGroup' } };
    expect(having(act, 'ec2:CreateTags').map(({ Condition }) => Condition)).toEqual([marking, launched, launched, launched, made]);
  });

  it('moves interfaces only into a security group of ours', () => {
    const moves = having(act, 'ec2:ModifyNetworkInterfaceAttribute');
    expect(resourcesOf(moves)).toEqual(['security-group/*', 'network-interface/*']);
    expect(moves[0]?.Condition).toEqual({ Null: { 'aws:ResourceTag/perennial:quarantine': 'false' } });
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
