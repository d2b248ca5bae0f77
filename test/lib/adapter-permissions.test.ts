import { globSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseTemplate, synthesise } from './template.ts';
import { actionsOf, roleStatements } from './template-rules.ts';

/** Packages of the fleet's services, and of those that run Perennial, with the prefix of their actions. */
const prefixes: Readonly<Record<string, string>> = {
  'auto-scaling': 'autoscaling',
  cloudwatch: 'cloudwatch',
  ec2: 'ec2',
  'elastic-load-balancing-v2': 'elasticloadbalancing',
  kms: 'kms',
  lambda: 'lambda',
  sfn: 'states',
  'route-53': 'route53',
  ssm: 'ssm',
};

/** Actions that EC2 and CloudWatch check within another call; each with the call that needs it. */
const withinOtherCalls: Readonly<Record<string, string>> = {
  'ssm:GetParameters': 'DescribeLaunchTemplateVersions with ResolveAlias',
  'cloudwatch:TagResource': 'PutMetricAlarm with tags',
  'kms:CreateGrant': 'RunInstances, StartInstances and AttachVolume, by way of EC2',
  'kms:Decrypt': 'the same, and Publish to an encrypted topic',
  'kms:GenerateDataKey': 'Publish to an encrypted topic',
  'kms:GenerateDataKeyWithoutPlaintext': 'RunInstances, by way of EC2',
  'kms:ReEncryptFrom': 'RunInstances, by way of EC2',
  'kms:ReEncryptTo': 'RunInstances, by way of EC2',
};

/** `new DescribeVolumesCommand` and `paginateDescribeVolumes` are both ec2:DescribeVolumes. */
function actionsIn(source: string): readonly string[] {
  const imports = [...source.matchAll(/import \{([^}]*)\} from '@aws-sdk\/client-([a-z0-9-]+)'/g)];
  return imports.flatMap(([, names = '', service = '']) => {
    const prefix = prefixes[service];
    const calls = [...names.matchAll(/\b(?:paginate(\w+)|(\w+)Command)\b(?!\w)/g)].map(([, paginated, command]) => paginated ?? command);
    return prefix === undefined ? [] : calls.map((call) => `${prefix}:${call}`);
  });
}

const sources = globSync('aws/**/*.ts').map((path) => readFileSync(path, 'utf8'));
const called = new Set(sources.flatMap(actionsIn));

const template = parseTemplate(synthesise().main.template);
const functionStatements = roleStatements(template).filter(([id]) => id.startsWith('Functions'));
const allowed = new Set(
  functionStatements.flatMap(([, statement]) => actionsOf(statement)).filter((action) => Object.values(prefixes).includes(action.split(':')[0] ?? '')),
);

const sorted = (actions: Iterable<string>): readonly string[] => [...actions].toSorted((left, right) => left.localeCompare(right, 'en'));

describe('permissions and adapters say the same', () => {
  it('reads calls in both forms', () => {
    const source = "import { DescribeVolumesCommand, paginateDescribeInstances, type Volume } from '@aws-sdk/client-ec2';";
    expect(actionsIn(source)).toEqual(['ec2:DescribeVolumes', 'ec2:DescribeInstances']);
  });

  it('every call that an adapter makes is allowed to some function', () => {
    expect(sorted(called.difference(allowed))).toEqual([]);
  });

  it('nothing is allowed that no adapter calls', () => {
    expect(sorted(allowed.difference(called)).filter((action) => !(action in withinOtherCalls))).toEqual([]);
  });
});
