import { describe, expect, it } from 'vitest';
import { shortestDeadlineSeconds } from './shortest-deadline.ts';
import { retryDelaySeconds, stepRetries } from '../../core/remediation/paths/step-retries.ts';
import { driverLoop, stepTimeoutSeconds } from '../../lib/remediation-machine.ts';
import { parseTemplate, resourcesOf, synthesise } from './template.ts';

const { States, StartAt, TimeoutSeconds } = driverLoop('arn:aws:states:::lambda:invoke');

function targetsOf(state: object): readonly string[] {
  return [...JSON.stringify(state).matchAll(/"(?:Next|Default)":"(\w+)"/g)].map(([, target = '']) => target);
}

describe('the driver loop', () => {
  it('leads only to states that exist, and reaches each of them', () => {
    const targets = new Set([StartAt, ...Object.values(States).flatMap(targetsOf)]);
    expect([...targets].toSorted()).toEqual(Object.keys(States).toSorted());
  });

  it('has a way out of every state but the two ends', () => {
    expect(
      Object.entries(States)
        .filter(([, state]) => targetsOf(state).length === 0)
        .map(([name]) => name),
    ).toEqual(['Succeeded', 'Failed']);
  });

  it('a step that keeps failing is told to the record, so that its compensation runs; a record that cannot be told ends the execution', () => {
    expect(targetsOf(States.Observe)).toEqual(['GiveUp', 'Route']);
    expect(targetsOf(States.Act)).toEqual(['GiveUp', 'Route']);
    expect(targetsOf(States.GiveUp)).toEqual(['Failed', 'Route']);
  });

  it('calls the versions that its input names', () => {
    expect([States.Observe, States.Act, States.GiveUp].map(({ Arguments }) => Arguments.FunctionName)).toEqual([
      '{% $states.input.observe %}',
      '{% $states.input.act %}',
      '{% $states.input.observe %}',
    ]);
  });

  it('retries are bounded and back off, and any error is retried', () => {
    for (const { Retry } of [States.Observe, States.Act, States.GiveUp]) {
      expect(Retry.at(-1)?.ErrorEquals).toEqual(['States.ALL']);
      expect(Retry.filter(({ MaxAttempts, BackoffRate, MaxDelaySeconds }) => MaxAttempts > 8 || BackoffRate < 2 || MaxDelaySeconds > 30)).toEqual([]);
    }
  });

  it('errors of the function itself are tried again for at least a minute, and not for longer than a phase has by default', () => {
    const waits = Array.from({ length: stepRetries.maxAttempts }, (_, index) => retryDelaySeconds(index + 1));
    const longest = waits.reduce((sum, seconds) => sum + seconds, 0);
    expect(States.Act.Retry.at(-1)).toMatchObject({ MaxAttempts: waits.length, IntervalSeconds: waits[0], MaxDelaySeconds: waits.at(-1) });
    expect(longest / 2, 'jitter takes half of it on average').toBeGreaterThanOrEqual(60);
    expect(longest).toBeLessThan(shortestDeadlineSeconds({}));
  });

  it('function time-out < task time-out < the shortest deadline of a phase; the whole ends within six hours', () => {
    expect(stepTimeoutSeconds).toBeLessThan(States.Act.TimeoutSeconds);
    expect(States.Act.TimeoutSeconds).toBeLessThan(shortestDeadlineSeconds());
    expect(TimeoutSeconds).toBe(21_600);
  });
});

describe('the state machine', () => {
  const template = parseTemplate(synthesise().main.template);

  it('is a traced, logged standard machine under the name by which signals know it', () => {
    const [machine] = resourcesOf(template, 'AWS::StepFunctions::StateMachine');
    expect(machine?.[1].Properties['StateMachineName']).toMatch(/^perennial/);
    expect(machine?.[1].Properties).toMatchObject({
      StateMachineType: 'STANDARD',
      TracingConfiguration: { Enabled: true },
      LoggingConfiguration: { Level: 'ALL', IncludeExecutionData: false },
    });
  });

  it('functions that it calls keep their versions through later deploys', () => {
    const versions = resourcesOf(template, 'AWS::Lambda::Version');
    expect(versions.map(([id, { DeletionPolicy }]) => [id.replace(/Current.*/, ''), DeletionPolicy])).toEqual([
      ['FunctionsObserveFunction', 'Retain'],
      ['FunctionsActFunction', 'Retain'],
    ]);
  });
});
