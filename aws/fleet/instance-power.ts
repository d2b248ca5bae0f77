import { DescribeInstancesCommand, type EC2Client, GetConsoleOutputCommand, StartInstancesCommand, StopInstancesCommand } from '@aws-sdk/client-ec2';
import { PermanentError, RetryableError } from '../../core/environment/errors.ts';
import type { EvidenceCollector, InstancePower } from '../../core/remediation/ports.ts';
import { callAws, codeOf, toPortError } from '../platform/aws-errors.ts';

/** Stopping what is stopped and starting what runs are successes: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_StopInstances.html */
export function createInstancePower(ec2: EC2Client): InstancePower {
  return {
    stop: (instanceId) => change(ec2, instanceId, `stop ${instanceId}`, () => ec2.send(new StopInstancesCommand({ InstanceIds: [instanceId] }))),
    start: (instanceId) => change(ec2, instanceId, `start ${instanceId}`, () => ec2.send(new StartInstancesCommand({ InstanceIds: [instanceId] }))),
  };
}

async function change(ec2: EC2Client, instanceId: string, action: string, call: () => Promise<unknown>): Promise<void> {
  try {
    await call();
  } catch (error) {
    if (codeOf(error) === 'IncorrectInstanceState' && (await isBetweenStates(ec2, instanceId)))
      throw new RetryableError(`Could not ${action} just now: it is on its way to another state.`, { cause: error });
    throw toPortError(error, action);
  }
}

/** One that is pending cannot be stopped yet, one that is stopping not started: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html */
async function isBetweenStates(ec2: EC2Client, instanceId: string): Promise<boolean> {
  const answer = await callAws(`describe ${instanceId}`, () => ec2.send(new DescribeInstancesCommand({ InstanceIds: [instanceId] })));
  const state = answer.Reservations?.[0]?.Instances?.[0]?.State?.Name;
  return state === 'pending' || state === 'stopping';
}

/** Evidence that cannot be had is said; it does not stop a repair. A throttle is thrown, so that it is asked for again. */
export function createEvidenceCollector(ec2: EC2Client): EvidenceCollector {
  return {
    collect: async (instanceId, at) => {
      try {
        const answer = await callAws(`read the console of ${instanceId}`, () => ec2.send(new GetConsoleOutputCommand({ InstanceId: instanceId })));
        const text = Buffer.from(answer.Output ?? '', 'base64').toString('utf8');
        return text === '' ? { collectedAt: at, absent: ['console output (EC2 has none)'] } : { collectedAt: at, consoleOutput: text, absent: [] };
      } catch (error) {
        if (!(error instanceof PermanentError)) throw error;
        return { collectedAt: at, absent: [`console output (${error.message})`] };
      }
    },
  };
}
