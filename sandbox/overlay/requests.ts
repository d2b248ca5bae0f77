import { gunzipSync } from 'node:zlib';
import type { IncomingHttpHeaders } from 'node:http';

/** One call of an AWS service, as much of it as the overlay needs. */
export interface FleetRequest {
  /** Name in the credential scope: `ec2`, `elasticloadbalancing`, `autoscaling`, `ssm`, or '' when unsigned. */
  readonly service: string;
  /** For example `RunInstances`; '' when the request names none. */
  readonly action: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly userAgent: string;
  /** Form fields of the query protocols (EC2, ELBv2, Auto Scaling); empty for JSON. */
  readonly parameters: URLSearchParams;
}

// Credential=<key>/<date>/<region>/<service>/aws4_request
// https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html
const CREDENTIAL_SCOPE = /Credential=([^/,\s]+)\/\d{8}\/([^/]+)\/([^/]+)\/aws4_request/;

export function readFleetRequest(url: string, headers: IncomingHttpHeaders, body: Buffer): FleetRequest {
  const [, accessKeyId = '', region = '', service = ''] = CREDENTIAL_SCOPE.exec(headers.authorization ?? '') ?? [];
  const target = headers['x-amz-target'];
  const parameters = typeof target === 'string' ? new URLSearchParams() : readForm(url, headers, body);
  return {
    service,
    action: typeof target === 'string' ? (target.split('.').at(-1) ?? '') : (parameters.get('Action') ?? ''),
    region,
    accessKeyId,
    userAgent: headers['user-agent'] ?? '',
    parameters,
  };
}

function readForm(url: string, headers: IncomingHttpHeaders, body: Buffer): URLSearchParams {
  const plain = headers['content-encoding'] === 'gzip' ? gunzipSync(body, { maxOutputLength: 20_000_000 }) : body;
  const query = url.includes('?') ? url.slice(url.indexOf('?') + 1) : '';
  return new URLSearchParams([query, plain.toString('utf8')].filter((part) => part !== '').join('&'));
}

/** Values of a list in a query protocol: `Targets.member.1.Id`, `Targets.member.2.Id` … for `/^Targets\.member\.\d+\.Id$/`. */
export function listParameter(parameters: URLSearchParams, name: RegExp): readonly string[] {
  return [...parameters].filter(([key]) => name.test(key)).map(([, value]) => value);
}
