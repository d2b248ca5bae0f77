import { describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import { loadCatalog } from '../../catalog-files/read-catalog.ts';
import { functionEnvironments } from '../../core/environment/function-environment.ts';
import { consoleDocuments } from '../../core/incidents/messages/console-links.ts';
import { createPerennialApp, publishable } from '../../lib/perennial-app.ts';
import { catalogDirectory, parseTemplate, resourcesOf, synthesise } from './template.ts';

const template = parseTemplate(synthesise().main.template);
const loaded = loadCatalog(catalogDirectory);

describe('the catalog that is deployed', () => {
  it('is refused while it differs from git, unless that is allowed', () => {
    const { catalog } = loaded;
    if (catalog === undefined) throw new Error('The catalog of the tests is broken');
    const dirty = { ...loaded, catalog: { ...catalog, provenance: { ...catalog.provenance, dirty: true } }, provenanceReason: 'differs' };
    expect(() => publishable('ops', dirty, false)).toThrow(/Commit it, or add -c allowDirty=true/);
    expect(publishable('ops', dirty, true)).toBe(dirty.catalog);
  });

  it('is refused with file, line and fix when it has errors', () => {
    const errors = [{ file: 'ops/a.yaml', line: 3, column: 5, path: 'spec', message: 'is missing', fix: 'Write it.' }];
    const broken = { errors, warnings: [], provenanceReason: '' };
    expect(() => publishable('ops', broken, true)).toThrow(/ops\/a\.yaml:3:5 is missing\. Write it\./);
  });

  it('is published by a custom resource that names it by its hash', () => {
    const [publication] = resourcesOf(template, 'Custom::PerennialCatalog');
    const { hash, key } = publication?.[1].Properties ?? {};
    expect(hash).toBe(loaded.catalog?.provenance.hash);
    expect(key).toMatch(/^[0-9a-f]{64}\.json$/);
  });
});

const environmentSchema = z.object({ Variables: z.record(z.string(), z.unknown()) });

/** The logical ids of the functions begin with their path. */
function variablesOf(name: string): readonly string[] {
  const id = `Functions${name.slice(0, 1).toUpperCase()}${name.slice(1)}Function`;
  const found = resourcesOf(template, 'AWS::Lambda::Function').find(([candidate]) => candidate.startsWith(id));
  return Object.keys(environmentSchema.parse(found?.[1].Properties['Environment']).Variables).toSorted();
}

describe('functions', () => {
  it.each(Object.entries(functionEnvironments))('%s is told what its schema lists, and nothing else', (name, schema) => {
    const expected = Object.keys(schema.shape).filter((variable) => variable !== 'AWS_REGION');
    expect(variablesOf(name)).toEqual(expected.toSorted());
  });

  it('find the fleet elsewhere only where the context says so', () => {
    const local: unknown = synthesise({ fleetEndpoint: 'http://127.0.0.1:4671' }).main.template;
    expect(JSON.stringify(template)).not.toContain('AWS_ENDPOINT_URL');
    expect(JSON.stringify(local).match(/"AWS_ENDPOINT_URL_\w+":"http:\/\/127\.0\.0\.1:4671"/g)).toHaveLength(5 * 10);
    expect(() => synthesise({ fleetEndpoint: 'nowhere' })).toThrow(/must be a URL/);
  });
});

/** The functions as text, with more context. */
function functionsWith(more?: Readonly<Record<string, string>>): string {
  return JSON.stringify(resourcesOf(parseTemplate(synthesise(more).main.template), 'AWS::Lambda::Function'));
}

describe('what the command line and the sandbox look up', () => {
  it('is among the outputs', () => {
    const wanted = [
      'TableName',
      'StateMachineArn',
      'SignalsQueueUrl',
      'AlarmsTopicArn',
      'RejectedQueueUrl',
      'DeadLetterQueueUrl',
      'EventBusName',
      'ObserveFunctionName',
      'ActFunctionName',
    ];
    const topics = ['CriticalTopicArn', 'HighTopicArn', 'WarningTopicArn', 'InfoTopicArn', 'PlatformTopicArn'];
    expect(Object.keys(template.Outputs)).toEqual(expect.arrayContaining([...wanted, ...topics]));
  });

  it('the sweep runs as often as the context says', () => {
    const expressions = resourcesOf(parseTemplate(synthesise({ sweepMinutes: '1' }).main.template), 'AWS::Scheduler::Schedule').map(
      ([, { Properties }]) => Properties['ScheduleExpression'],
    );
    expect(expressions).toEqual(['rate(1 minute)', 'rate(1 minute)', 'rate(1 minute)', 'rate(1 minute)', 'rate(60 minutes)', 'rate(5 minutes)']);
    expect(() => synthesise({ sweepMinutes: '0' })).toThrow(/whole number from 1 to 60/);
  });

  it('a small fleet is asked every five minutes, or as often as the context says', () => {
    expect(functionsWith()).toContain('"SMALL_FLEET_POLL_MINUTES":"5"');
    expect(functionsWith({ smallFleetPollMinutes: '1' })).toContain('"SMALL_FLEET_POLL_MINUTES":"1"');
    expect(() => synthesise({ smallFleetPollMinutes: '6' })).toThrow(/whole number from 1 to 5/);
  });
});

describe('signals', () => {
  const rules = resourcesOf(template, 'AWS::Events::Rule').map(([, { Properties }]) => JSON.stringify(Properties['EventPattern']));

  it.each(['aws.cloudwatch', 'aws.ec2', 'aws.autoscaling', 'aws.health', 'aws.codedeploy', 'aws.codepipeline', 'aws.imagebuilder', 'aws.states'])(
    'come from %s by a rule',
    (source) => {
      expect(rules.filter((pattern) => pattern.includes(`"source":["${source}"]`))).toHaveLength(1);
    },
  );

  it('our own bus carries deploys and nothing that only our polls may say', () => {
    const own = resourcesOf(template, 'AWS::Events::Rule').filter(([, { Properties }]) => Properties['EventBusName'] !== undefined);
    expect(own.map(([, { Properties }]) => Properties['EventPattern'])).toEqual([
      { source: ['perennial'], 'detail-type': ['Deployment Started', 'Deployment Finished', 'Deployment Failed', 'Deployment Rolled Back'] },
    ]);
  });

  it('a batch is hidden six times as long as its function may take', () => {
    const [queue] = resourcesOf(template, 'AWS::SQS::Queue').filter(([id]) => id.startsWith('SignalsQueue'));
    expect(queue?.[1].Properties['VisibilityTimeout']).toBe(360);
  });
});

describe('the documents that messages link to', () => {
  const named = `"CONSOLE_DOCUMENTS":"${consoleDocuments.join(',')}"`;

  it('are those of the console stack, told to every function that tells people', () => {
    const documents = resourcesOf(parseTemplate(synthesise().console.template), 'AWS::SSM::Document').map(([, { Properties }]) => String(Properties['Name']));
    expect(documents.toSorted()).toEqual([...consoleDocuments].toSorted());
    const telling = Object.values(functionEnvironments).filter(({ shape }) => 'TOPIC_CRITICAL_ARN' in shape);
    expect(telling).toHaveLength(7);
    expect(functionsWith().split(named)).toHaveLength(telling.length + 1);
  });

  it('are told to nobody where the console stack is left out, as on the local AWS', () => {
    const assembly = createPerennialApp({ context: { 'aws:cdk:bundling-stacks': [], allowDirty: 'true', catalogDirectory, console: 'false' } }).synth();
    expect(assembly.stacks.map(({ stackName }) => stackName)).toEqual(['Perennial']);
    expect(JSON.stringify(assembly.getStackByName('Perennial').template)).not.toContain('CONSOLE_DOCUMENTS');
  });
});
