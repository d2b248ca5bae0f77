import { delimiter } from 'node:path';
import { host as thisHost } from './host.ts';
import type { Host } from './host.ts';

export interface LocalEndpoints {
  /** MiniStack: the platform's account. */
  readonly controlEndpoint: string;
  /** The overlay before moto: the fleet. */
  readonly fleetEndpoint: string;
  readonly region: string;
  /**
   * HOME of the children. Not the person's: `~/.cdk.json` may name a profile, and the CDK command line keeps account ids by
   * access key in `~/.cdk`, where `test` may stand for another emulator's account.
   */
  readonly homeFolder: string;
}

/**
 * Who the child is:
 * - `platform` (functions, readers): EC2, ELBv2, Auto Scaling, SSM, Route 53 and KMS (its keys encrypt the fleet's volumes) are the fleet's, all else is MiniStack's
 * - `deployer` (the CDK command line): everything is MiniStack's, also SSM, where it looks up the bootstrap version
 */
export type Child = 'platform' | 'deployer';

// https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html (service identifiers)
const FLEET_SERVICES = ['EC2', 'ELASTIC_LOAD_BALANCING_V2', 'AUTO_SCALING', 'SSM', 'ROUTE_53', 'KMS'];

// What programs need of a person's environment; all else stays out, above all AWS_*, proxies and NODE_OPTIONS.
const KEPT = ['LANG', 'LC_ALL', 'LOGNAME', 'SHELL', 'TERM', 'TMPDIR', 'TZ', 'USER'];

/**
 * The environment of every child process of the local AWS. Keys are fake, profiles and instance metadata are out of reach, and
 * each service has an endpoint on this machine: a call to a service that nobody emulates is refused here and never sent to AWS.
 */
export function scrubbedEnvironment(
  { controlEndpoint, fleetEndpoint, region, homeFolder }: LocalEndpoints,
  child: Child,
  host: Host = thisHost,
): Record<string, string> {
  const kept = KEPT.flatMap((name) => {
    const value = host.environment[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  const fleet = child === 'platform' ? FLEET_SERVICES.map((service) => [`AWS_ENDPOINT_URL_${service}`, fleetEndpoint] as const) : [];
  return {
    ...Object.fromEntries(kept),
    ...Object.fromEntries(fleet),
    HOME: homeFolder,
    PATH: [host.nodeFolder, host.environment['PATH'] ?? ''].join(delimiter),
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    AWS_ENDPOINT_URL: controlEndpoint,
    AWS_CONFIG_FILE: host.nullDevice,
    AWS_SHARED_CREDENTIALS_FILE: host.nullDevice,
    AWS_EC2_METADATA_DISABLED: 'true',
    CI: '1',
    // The CDK command line asks AWS for notices and sends usage figures unless told not to.
    CDK_NOTICES: 'false',
    CDK_DISABLE_CLI_TELEMETRY: 'true',
    CDK_DISABLE_VERSION_CHECK: 'true',
    NO_PROXY: '127.0.0.1,localhost',
  };
}
