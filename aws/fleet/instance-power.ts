import { type EC2Client, GetConsoleOutputCommand, StartInstancesCommand, StopInstancesCommand } from '@aws-sdk/client-ec2';
import { PermanentError } from '../../core/environment/errors.ts';
import type { EvidenceCollector, InstancePower } from '../../core/remediation/ports.ts';
import { callAws } from '../platform/aws-errors.ts';

/** Stopping what is stopped and starting what runs are successes: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_StopInstances.html */
export function createInstancePower(ec2: EC2Client): InstancePower {
  return {
    stop: async (instanceId) => {
      await callAws(`stop ${instanceId}`, () => ec2.send(new StopInstancesCommand({ InstanceIds: [instanceId] })));
    },
    start: async (instanceId) => {
      await callAws(`start ${instanceId}`, () => ec2.send(new StartInstancesCommand({ InstanceIds: [instanceId] })));
    },
  };
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
