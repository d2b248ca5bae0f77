import { RemovalPolicy } from 'aws-cdk-lib';
import { AttributeType, BillingMode, ProjectionType, Table } from 'aws-cdk-lib/aws-dynamodb';
import { Construct } from 'constructs';

/**
 * The one table; `docs/access-patterns.md` says who reads what by which key. It survives the stack: it is the history.
 *
 * `Table` and not `TableV2`: one Region needs no global table, and the local AWS drops the deletion protection of that type.
 */
export class RecordTable extends Construct {
  readonly table: Table;

  constructor(scope: Construct, id: string) {
    super(scope, id);
    this.table = new Table(this, 'Table', {
      partitionKey: { name: 'pk', type: AttributeType.STRING },
      sortKey: { name: 'sk', type: AttributeType.STRING },
      billingMode: BillingMode.PAY_PER_REQUEST,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      deletionProtection: true,
      timeToLiveAttribute: 'expiresAt',
      removalPolicy: RemovalPolicy.RETAIN,
    });
    // Sparse: only what is open, in flight or not yet delivered carries these attributes.
    this.table.addGlobalSecondaryIndex({
      indexName: 'lists',
      partitionKey: { name: 'listPk', type: AttributeType.STRING },
      sortKey: { name: 'listSk', type: AttributeType.STRING },
      projectionType: ProjectionType.ALL,
    });
  }
}
