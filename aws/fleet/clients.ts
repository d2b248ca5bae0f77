import { AutoScalingClient } from '@aws-sdk/client-auto-scaling';
import { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import { EC2Client } from '@aws-sdk/client-ec2';
import { ElasticLoadBalancingV2Client } from '@aws-sdk/client-elastic-load-balancing-v2';
import { KMSClient } from '@aws-sdk/client-kms';
import { Route53Client } from '@aws-sdk/client-route-53';
import { SSMClient } from '@aws-sdk/client-ssm';
import { boundedClientOptions } from '../platform/client-options.ts';

/** Where a client goes when the environment does not say it. */
export interface ClientSettings {
  readonly region?: string;
  readonly endpoint?: string;
  readonly profile?: string;
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

/** The services in which the fleet lives. */
export interface FleetClients {
  readonly autoScaling: AutoScalingClient;
  readonly cloudWatch: CloudWatchClient;
  readonly ec2: EC2Client;
  readonly elb: ElasticLoadBalancingV2Client;
  /** Only asked about keys that encrypt the fleet's volumes. */
  readonly kms: KMSClient;
  readonly route53: Route53Client;
  readonly ssm: SSMClient;
}

/**
 * `requestTimeout` alone only warns: the SDK throws when it is told to (`NodeHttpHandlerOptions.throwOnRequestTimeout`, @smithy/types).
 * The user agent tells the fleet's owners in CloudTrail who called.
 */
const options = {
  ...boundedClientOptions,
  requestHandler: { ...boundedClientOptions.requestHandler, throwOnRequestTimeout: true },
  customUserAgent: 'perennial',
};

/** Made once per cold start. CloudWatch is the platform's: its alarms are where the functions run. */
export function createFleetClients(fleet: ClientSettings = {}, control: ClientSettings = fleet): FleetClients {
  const fleetOptions = { ...options, ...fleet };
  return {
    autoScaling: new AutoScalingClient(fleetOptions),
    cloudWatch: new CloudWatchClient({ ...options, ...control }),
    ec2: new EC2Client(fleetOptions),
    elb: new ElasticLoadBalancingV2Client(fleetOptions),
    kms: new KMSClient(fleetOptions),
    route53: new Route53Client(fleetOptions),
    ssm: new SSMClient(fleetOptions),
  };
}
