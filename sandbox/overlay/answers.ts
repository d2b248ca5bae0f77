import { escapeXml } from './xml.ts';

/** An HTTP answer in the shape of the called service. */
export interface Answer {
  readonly statusCode: number;
  readonly contentType: string;
  readonly body: string;
}

const XML = 'text/xml;charset=UTF-8';
const AUTO_SCALING_NAMESPACE = 'http://autoscaling.amazonaws.com/doc/2011-01-01/';

/** An error as the service of this name writes it. `message` is for people. */
export function errorAnswer(service: string, code: string, message: string, statusCode = 400): Answer {
  if (service === 'ssm') {
    const body = JSON.stringify({ __type: code, message });
    return { statusCode, contentType: 'application/x-amz-json-1.1', body };
  }
  const error = `<Code>${escapeXml(code)}</Code><Message>${escapeXml(message)}</Message>`;
  const body =
    service === 'ec2'
      ? `<Response><Errors><Error>${error}</Error></Errors><RequestID>overlay</RequestID></Response>`
      : `<ErrorResponse><Error><Type>Sender</Type>${error}</Error><RequestId>overlay</RequestId></ErrorResponse>`;
  return { statusCode, contentType: XML, body };
}

/**
 * What moto answers with an internal error, answered here instead. Each row is what AWS says for a fleet that has none
 * of the thing, or a refusal where having none is no answer.
 */
const KNOWN_ANSWERS: Readonly<Record<string, () => Answer>> = {
  // https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DescribeInstanceRefreshes.html
  'autoscaling DescribeInstanceRefreshes': () => ({
    statusCode: 200,
    contentType: XML,
    body:
      `<DescribeInstanceRefreshesResponse xmlns="${AUTO_SCALING_NAMESPACE}"><DescribeInstanceRefreshesResult>` +
      '<InstanceRefreshes/></DescribeInstanceRefreshesResult><ResponseMetadata><RequestId>overlay</RequestId>' +
      '</ResponseMetadata></DescribeInstanceRefreshesResponse>',
  }),
  // https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_CompleteLifecycleAction.html
  'autoscaling CompleteLifecycleAction': () =>
    errorAnswer('autoscaling', 'ValidationError', 'No active Lifecycle Action found: the local fleet has no lifecycle hooks.'),
  // https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_ListAssociations.html
  'ssm ListAssociations': () => ({ statusCode: 200, contentType: 'application/x-amz-json-1.1', body: JSON.stringify({ Associations: [] }) }),
};

export function knownAnswer(service: string, action: string): Answer | undefined {
  return KNOWN_ANSWERS[`${service} ${action}`]?.();
}
