import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Aws, CustomResource, RemovalPolicy, Stage } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Asset } from 'aws-cdk-lib/aws-s3-assets';
import { Provider } from 'aws-cdk-lib/custom-resources';
import { Construct } from 'constructs';
import type { CompiledCatalog } from '../core/catalog/schema.ts';
import { acknowledge } from './acknowledge.ts';
import type { EventFunction } from './event-function.ts';
import { wildcardFinding } from './permissions/permission.ts';

/**
 * The compiled catalog goes to S3 under its hash; a custom resource then writes it as `catalog@hash` and flips the pointer.
 * Its physical id never changes, so that an update is no replacement with a delete behind it; a delete does nothing.
 */
export class CatalogPublication extends Construct {
  constructor(scope: Construct, id: string, catalog: CompiledCatalog, publisher: EventFunction<'publishCatalog'>) {
    super(scope, id);
    const asset = new Asset(this, 'Asset', { path: writeCatalog(this, catalog) });
    const { handler } = publisher;
    handler.addToRolePolicy(
      new PolicyStatement({
        sid: 'ReadCatalog',
        actions: ['s3:GetObject'],
        resources: [`arn:${Aws.PARTITION}:s3:::${asset.s3BucketName}/${asset.s3ObjectKey}`],
      }),
    );
    const logGroup = new LogGroup(this, 'Log', { retention: RetentionDays.ONE_MONTH, removalPolicy: RemovalPolicy.DESTROY });
    const role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com'), description: "The CDK's framework for custom resources" });
    logGroup.grantWrite(role);
    const provider = new Provider(this, 'Provider', { onEventHandler: handler, logGroup, frameworkOnEventRole: role });
    new CustomResource(this, 'Publication', {
      serviceToken: provider.serviceToken,
      resourceType: 'Custom::PerennialCatalog',
      properties: { bucket: asset.s3BucketName, key: asset.s3ObjectKey, hash: catalog.provenance.hash },
    });
    acknowledge(this, {
      [wildcardFinding(this, `${handler.functionArn}:*`)]: 'The framework lets itself call any version of the one function it is for.',
      'AwsSolutions-L1': "The framework's function is the CDK's own; its runtime comes with the CDK's version.",
    });
  }
}

/** An asset must be a file; the CDK copies it beside itself, under the hash of its content. */
function writeCatalog(scope: Construct, catalog: CompiledCatalog): string {
  const directory = Stage.of(scope)?.assetOutdir;
  if (directory === undefined) throw new TypeError('The catalog can only be published from within an app: it is written to its output directory.');
  const path = join(directory, 'perennial-catalog.json');
  writeFileSync(path, JSON.stringify(catalog));
  return path;
}
