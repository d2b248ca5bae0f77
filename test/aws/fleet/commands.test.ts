import { SSMClient } from '@aws-sdk/client-ssm';
import { describe, expect, it } from 'vitest';
import { createCommandRunner } from '../../../aws/fleet/commands.ts';
import { PermanentError, RetryableError } from '../../../core/environment/errors.ts';
import { inputsOf, serviceError, stubCommands, stubOptions } from './stub-fleet.ts';

function runnerThat(answers: Parameters<typeof stubCommands>[1]) {
  const ssm = new SSMClient(stubOptions);
  return { calls: stubCommands(ssm, answers), runner: createCommandRunner(ssm) };
}

describe('the agent of an instance', () => {
  it.each([
    ['Online', 'i-1', true],
    ['ConnectionLost', 'i-1', false],
    ['Inactive', 'i-1', false],
    ['Online', 'i-2', false],
  ])('is %s for %s: %s', async (PingStatus, InstanceId, expected) => {
    const { runner, calls } = runnerThat({ DescribeInstanceInformation: () => ({ InstanceInformationList: [{ InstanceId, PingStatus }] }) });
    expect(await runner.isOnline('i-1')).toBe(expected);
    expect(inputsOf(calls, 'DescribeInstanceInformation')).toEqual([{ Filters: [{ Key: 'InstanceIds', Values: ['i-1'] }] }]);
  });

  it('is not online when Systems Manager does not list it', async () => {
    expect(await runnerThat({ DescribeInstanceInformation: () => ({}) }).runner.isOnline('i-1')).toBe(false);
  });
});

const failing = (name: string) =>
  runnerThat({
    GetCommandInvocation: () => {
      throw serviceError(name);
    },
  }).runner.read('i-1', 'c-1');

describe('a script on a host', () => {
  it('is sent with its bounds and lines', async () => {
    const { runner, calls } = runnerThat({ SendCommand: () => ({ Command: { CommandId: 'c-1' } }) });
    expect(await runner.start('i-1', { name: 'n'.repeat(120), script: 'echo a\necho b', timeoutSeconds: 20 })).toEqual({ commandId: 'c-1' });
    expect(inputsOf(calls, 'SendCommand')).toEqual([
      {
        InstanceIds: ['i-1'],
        DocumentName: 'AWS-RunShellScript',
        Comment: 'n'.repeat(100),
        TimeoutSeconds: 30,
        Parameters: { commands: ['echo a', 'echo b'], executionTimeout: ['20'] },
      },
    ]);
  });

  it('without an id is an error', async () => {
    await expect(runnerThat({ SendCommand: () => ({}) }).runner.start('i-1', { name: 'n', script: 's', timeoutSeconds: 30 })).rejects.toThrow(PermanentError);
  });

  it.each([
    ['Pending', { state: 'running' }],
    ['InProgress', { state: 'running' }],
    ['Delayed', { state: 'running' }],
    ['Cancelling', { state: 'running' }],
    ['Success', { state: 'ended', exitCode: 0, output: 'out', errors: 'err' }],
    ['TimedOut', { state: 'ended', exitCode: 0, output: 'out', errors: 'err' }],
  ])('that is %s', async (Status, expected) => {
    const answer = { Status, ResponseCode: 0, StandardOutputContent: 'out', StandardErrorContent: 'err' };
    expect(await runnerThat({ GetCommandInvocation: () => answer }).runner.read('i-1', 'c-1')).toEqual(expected);
  });

  it('that is not listed yet runs; a throttle is no answer', async () => {
    expect(await failing('InvocationDoesNotExist')).toEqual({ state: 'running' });
    await expect(failing('ThrottlingException')).rejects.toThrow(RetryableError);
    await expect(failing('InvalidInstanceId')).rejects.toThrow(PermanentError);
  });
});
