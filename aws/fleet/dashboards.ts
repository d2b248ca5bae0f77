import { type CloudWatchClient, GetDashboardCommand, PutDashboardCommand } from '@aws-sdk/client-cloudwatch';
import type { DashboardKeeper } from '../../core/remediation/surroundings/dashboard-ports.ts';
import { callAws } from '../platform/aws-errors.ts';
import { absentOr } from './instance-reader.ts';

/** What the query protocol and the newer protocols of CloudWatch call a dashboard that does not exist. */
const absentDashboardCodes = ['ResourceNotFound', 'ResourceNotFoundException', 'DashboardNotFoundError'];

/** Dashboards as CloudWatch keeps them: one JSON text each (https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutDashboard.html). */
export function createDashboardKeeper(cloudWatch: CloudWatchClient): DashboardKeeper {
  return {
    follow: async (DashboardName, oldInstanceId, newInstanceId) => {
      const found = await absentOr(`read the dashboard ${DashboardName}`, absentDashboardCodes, () =>
        cloudWatch.send(new GetDashboardCommand({ DashboardName })),
      );
      const body = found?.DashboardBody ?? '';
      if (!body.includes(oldInstanceId)) return false;
      // Ids are fixed-length and unique, so that replacing them as text touches nothing else.
      const DashboardBody = body.replaceAll(oldInstanceId, newInstanceId);
      await callAws(`write the dashboard ${DashboardName}`, () => cloudWatch.send(new PutDashboardCommand({ DashboardName, DashboardBody })));
      return true;
    },
  };
}
