import { fileURLToPath } from 'node:url';
import type { Duration } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture, Runtime, Tracing } from 'aws-cdk-lib/aws-lambda';
import { type BundlingOptions, LogLevel, NodejsFunction, OutputFormat } from 'aws-cdk-lib/aws-lambda-nodejs';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { RemovalPolicy } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import type { FunctionName, FunctionVariables } from '../core/environment/function-environment.ts';
import { acknowledge } from './acknowledge.ts';
import { grant, type Permission } from './permissions/permission.ts';

const projectRoot = fileURLToPath(new URL('..', import.meta.url));

/** Variables by which the SDK finds the services of the fleet (https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html). */
const fleetEndpointVariables = [
  'AWS_ENDPOINT_URL_EC2',
  'AWS_ENDPOINT_URL_ELASTIC_LOAD_BALANCING_V2',
  'AWS_ENDPOINT_URL_AUTO_SCALING',
  'AWS_ENDPOINT_URL_SSM',
  'AWS_ENDPOINT_URL_ROUTE_53',
] as const;

export interface EventFunctionProps<Name extends FunctionName> {
  readonly name: Name;
  readonly description: string;
  /** Exactly what `functionEnvironments` lists for this function. */
  readonly environment: FunctionVariables<Name>;
  readonly timeout: Duration;
  readonly memoryMebibytes: number;
  readonly permissions: readonly Permission[];
  /** For functions that are invoked asynchronously: where an event goes that they failed on three times. */
  readonly asyncDeadLetters?: IQueue;
  /** A new published version survives the next deploy: executions under way still call it. */
  readonly keepsVersions?: boolean;
}

/**
 * The one construct that creates functions: our runtime, an own log group with retention, tracing, an explicit limit on time
 * and memory, and a role that holds nothing but what it is given. No reserved concurrency: a new account has ten
 * concurrent executions in all (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
 */
export class EventFunction<Name extends FunctionName> extends Construct {
  readonly handler: NodejsFunction;
  readonly functionName: Name;

  constructor(scope: Construct, id: string, props: EventFunctionProps<Name>) {
    super(scope, id);
    this.functionName = props.name;
    const logGroup = new LogGroup(this, 'Log', { retention: RetentionDays.ONE_MONTH, removalPolicy: RemovalPolicy.DESTROY });
    const role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
      description: `What the function "${props.name}" of Perennial may do`,
    });
    logGroup.grantWrite(role);
    grant(role, props.permissions);
    this.handler = new NodejsFunction(this, 'Function', {
      description: props.description,
      entry: `${projectRoot}lambdas/${fileNameOf(props.name)}.ts`,
      handler: 'handler',
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      timeout: props.timeout,
      memorySize: props.memoryMebibytes,
      role,
      logGroup,
      tracing: Tracing.ACTIVE,
      environment: { ...props.environment, ...this.#fleetEndpoints() },
      deadLetterQueue: props.asyncDeadLetters,
      ...(props.keepsVersions === true ? { currentVersionOptions: { removalPolicy: RemovalPolicy.RETAIN } } : {}),
      projectRoot,
      depsLockFilePath: `${projectRoot}package-lock.json`,
      bundling: bundlingOptions,
    });
    // X-Ray's two calls have no resources to name: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html
    acknowledge(role, {
      'AwsSolutions-IAM5[Resource::*]': 'Tracing, and AWS calls that read and cannot be limited to resources; see lib/permissions/reads.ts.',
    });
  }

  /** Context `fleetEndpoint` names another endpoint for the fleet's services; without it the variables do not exist. */
  #fleetEndpoints(): Record<string, string> {
    const endpoint: unknown = this.node.tryGetContext('fleetEndpoint');
    if (endpoint === undefined) return {};
    if (typeof endpoint !== 'string' || !URL.canParse(endpoint))
      throw new TypeError('The context value fleetEndpoint must be a URL, for example -c fleetEndpoint=http://127.0.0.1:4671');
    return Object.fromEntries(fleetEndpointVariables.map((name) => [name, endpoint]));
  }
}

/** Proven settings; the banner gives CommonJS dependencies the `require` that ES modules lack. */
const bundlingOptions: BundlingOptions = {
  format: OutputFormat.ESM,
  target: 'node24',
  mainFields: ['module', 'main'],
  bundleAwsSDK: true,
  minify: true,
  logLevel: LogLevel.WARNING,
  banner: "import{createRequire as perennialCreateRequire}from'node:module';const require=perennialCreateRequire(import.meta.url);",
};

/** `publishCatalog` → `publish-catalog`. */
function fileNameOf(name: FunctionName): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
