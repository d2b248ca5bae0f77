import { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import { ElasticLoadBalancingV2Client } from '@aws-sdk/client-elastic-load-balancing-v2';
import { S3Client } from '@aws-sdk/client-s3';
import { SQSClient } from '@aws-sdk/client-sqs';
import type { Clock } from '../../core/environment/ports.ts';
import type { SignalQueue } from '../../core/signals/ports.ts';
import type { MetricReader, SubjectReader } from '../../core/slo/reading/ports.ts';
import { CachedSubjectReader } from '../fleet/indicator-subjects.ts';
import { S3CatalogAsset } from '../platform/catalog-asset.ts';
import { boundedClientOptions } from '../platform/client-options.ts';
import { CloudWatchMetricReader } from '../platform/metric-reader.ts';
import { SqsSignalQueue } from '../platform/signal-queue.ts';

/** Adapters with clients of their own, for functions that need one of them; the bundler leaves the others out. */

export const createMetricReader = (): MetricReader => new CloudWatchMetricReader(new CloudWatchClient(boundedClientOptions));

export const createSignalQueue = (queueUrl: string): SignalQueue => new SqsSignalQueue(new SQSClient(boundedClientOptions), queueUrl);

export const createCatalogAsset = (): S3CatalogAsset => new S3CatalogAsset(new S3Client(boundedClientOptions));

export const createSubjectReader = (clock: Clock): SubjectReader => new CachedSubjectReader(new ElasticLoadBalancingV2Client(boundedClientOptions), clock);
