import {
  ChangeResourceRecordSetsCommand,
  GetChangeCommand,
  ListHostedZonesByNameCommand,
  ListResourceRecordSetsCommand,
  type ResourceRecordSet,
  type Route53Client,
} from '@aws-sdk/client-route-53';
import { PermanentError } from '../../core/environment/errors.ts';
import { present } from '../../core/environment/present.ts';
import type { DnsRecordMover, DnsRecordName } from '../../core/remediation/surroundings/attachment-ports.ts';
import type { CapturedDnsRecord } from '../../core/remediation/surroundings/capture.ts';
import { callAws } from '../platform/aws-errors.ts';
import { absentOr } from './instance-reader.ts';

/** Types whose values are addresses or names of instances. */
const types: readonly string[] = ['A', 'CNAME'];

/** https://docs.aws.amazon.com/Route53/latest/APIReference/API_ListResourceRecordSets.html; a zone of more than 10,000 records needs an agreement with AWS. */
const PAGE_RECORDS = 300;
const MAX_PAGES = 40;

export function createDnsRecordMover(route53: Route53Client): DnsRecordMover {
  return {
    read: async (record) => (await find(route53, record))?.ResourceRecords?.flatMap(({ Value }) => Value ?? []),
    replace: (record, expected, values) => replace(route53, record, expected, values),
    isInSync: async (changeId) => {
      const { ChangeInfo } = await callAws(`read the change ${changeId}`, () => route53.send(new GetChangeCommand({ Id: changeId })));
      return ChangeInfo?.Status === 'INSYNC';
    },
  };
}

/** Names come back with a dot at the end and in lower case; `\052` is the star of a wildcard (https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DomainNameFormat.html). */
const normal = (name: string): string =>
  name
    .replace(/\.$/, '')
    .replaceAll(String.raw`\052`, '*')
    .toLowerCase();

const idOf = (id: string): string => id.replace(/^\/hostedzone\//, '');

/** The list begins at the name and type that are asked for, or at the next one after them. */
async function find(route53: Route53Client, { hostedZoneId, name, type, setIdentifier }: DnsRecordName): Promise<ResourceRecordSet | undefined> {
  const start = { HostedZoneId: hostedZoneId, StartRecordName: name, MaxItems: 100 };
  const answer = await absentOr(`read ${name} ${type}`, ['NoSuchHostedZone'], () => route53.send(new ListResourceRecordSetsCommand(start)));
  return answer?.ResourceRecordSets?.find(
    (candidate) => normal(candidate.Name ?? '') === normal(name) && candidate.Type === type && candidate.SetIdentifier === setIdentifier,
  );
}

/** UPSERT of the record set as it is found, with other values: routing, weight, health check and time to live stay. */
async function replace(
  route53: Route53Client,
  record: DnsRecordName,
  expected: readonly string[],
  values: readonly string[],
): Promise<{ readonly changeId: string }> {
  const now = await find(route53, record);
  const held = now?.ResourceRecords?.flatMap(({ Value }) => Value ?? []) ?? [];
  if (now === undefined || held.join() !== expected.join())
    throw new PermanentError(`The DNS record ${record.name} ${record.type} was changed meanwhile (${held.join(', ')}); it is left as it is.`);
  const changed: ResourceRecordSet = { ...now, ResourceRecords: values.map((Value) => ({ Value })) };
  const ChangeBatch = { Comment: 'Perennial: the instance was replaced', Changes: [{ Action: 'UPSERT' as const, ResourceRecordSet: changed }] };
  const { ChangeInfo } = await callAws(`write ${record.name} ${record.type}`, () =>
    route53.send(new ChangeResourceRecordSetsCommand({ HostedZoneId: record.hostedZoneId, ChangeBatch })),
  );
  if (ChangeInfo?.Id === undefined)
    throw new PermanentError(`Route 53 gave no id for the change of ${record.name}; look whether it holds ${values.join(', ')}.`);
  return { changeId: ChangeInfo.Id };
}

/** Record sets of the zones with these names, public and private alike, with a value that is one of the addresses. */
export async function readDnsRecords(route53: Route53Client, zoneNames: readonly string[], addresses: readonly string[]): Promise<CapturedDnsRecord[]> {
  const found: CapturedDnsRecord[] = [];
  for (const hostedZoneId of await zoneIds(route53, zoneNames)) found.push(...(await readZone(route53, hostedZoneId, addresses)));
  return found;
}

async function zoneIds(route53: Route53Client, zoneNames: readonly string[]): Promise<readonly string[]> {
  const ids: string[] = [];
  for (const DNSName of zoneNames) {
    const answer = await callAws(`look for the hosted zone ${DNSName}`, () => route53.send(new ListHostedZonesByNameCommand({ DNSName, MaxItems: 10 })));
    ids.push(
      ...(answer.HostedZones ?? []).filter(({ Name }) => normal(Name ?? '') === normal(DNSName)).flatMap(({ Id }) => (Id === undefined ? [] : [idOf(Id)])),
    );
  }
  return ids;
}

async function readZone(route53: Route53Client, hostedZoneId: string, addresses: readonly string[]): Promise<CapturedDnsRecord[]> {
  return callAws(`read the records of ${hostedZoneId}`, async () => {
    const found: CapturedDnsRecord[] = [];
    let start = {};
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const input = { HostedZoneId: hostedZoneId, MaxItems: PAGE_RECORDS, ...start };
      const { ResourceRecordSets = [], ...next } = await route53.send(new ListResourceRecordSetsCommand(input));
      found.push(...ResourceRecordSets.flatMap((record) => capturedOf(hostedZoneId, record, addresses)));
      if (next.IsTruncated !== true) return found;
      start = present({ StartRecordName: next.NextRecordName, StartRecordType: next.NextRecordType, StartRecordIdentifier: next.NextRecordIdentifier });
    }
    throw new PermanentError(`The hosted zone ${hostedZoneId} has more than ${MAX_PAGES * PAGE_RECORDS} records.`);
  });
}

function capturedOf(
  hostedZoneId: string,
  { Name, Type, SetIdentifier, TTL, ResourceRecords = [] }: ResourceRecordSet,
  addresses: readonly string[],
): CapturedDnsRecord[] {
  const values = ResourceRecords.flatMap(({ Value }) => Value ?? []);
  if (Name === undefined || Type === undefined || !types.includes(Type)) return [];
  if (!values.some((value) => addresses.includes(value) || addresses.includes(normal(value)))) return [];
  return [{ hostedZoneId, name: normal(Name), type: Type, values, ...present({ setIdentifier: SetIdentifier, ttlSeconds: TTL }) }];
}
