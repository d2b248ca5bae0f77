/*
 * What the documents of the console run, in the language that Systems Manager runs: each reads one record, says why it refuses, and
 * else writes it on the condition that nothing has changed meanwhile. The rules are those of `core/remediation/admission/requests.ts` and
 * `core/incidents/lifecycle/acknowledge.ts`; a test runs both side by side.
 */

const common = `import boto3
from datetime import datetime, timezone
from boto3.dynamodb.conditions import Attr


def now():
    at = datetime.now(timezone.utc)
    return at.strftime('%Y-%m-%dT%H:%M:%S.') + '%03dZ' % (at.microsecond // 1000)


def read(events):
    table = boto3.resource('dynamodb').Table(events['table'])
    key = {'pk': events['pk'], 'sk': events['sk']}
    item = table.get_item(Key=key, ConsistentRead=True).get('Item')
    if item is None:
        raise Exception('There is no remediation ' + events['sk'] + '. Nothing was changed.')
    body = item['body']
    if body['state'] != 'running':
        raise Exception(events['sk'] + ' is over (' + body['state'] + '): nothing was touched.')
    return table, key, item


def write(events, table, key, item, field, value):
    table.update_item(
        Key=key,
        UpdateExpression='SET body.' + field + ' = :value, #version = #version + :one, writeId = :writeId',
        ConditionExpression=Attr('version').eq(item['version']),
        ExpressionAttributeNames={'#version': 'version'},
        ExpressionAttributeValues={':value': value, ':one': 1, ':writeId': events['writeId']},
    )
`;

/** Like `approveRemediation`. */
export const approveScript = `${common}

def handler(events, context):
    table, key, item = read(events)
    body, at = item['body'], now()
    approval = body.get('approval')
    if approval is not None and 'granted' in approval:
        return {'answer': approval['granted']['by'] + ' approved it already at ' + approval['granted']['at']}
    if approval is None or body['phase'] != 'await-approval':
        raise Exception(events['sk'] + ' asks for no approval: it is in the phase ' + body['phase'] + '. Nothing was changed.')
    if 'frozen' not in body and at >= approval['expiresAt']:
        raise Exception('Too late: the time to approve it ended at ' + approval['expiresAt'] + '. Nothing was touched.')
    write(events, table, key, item, 'approval.granted', {'by': events['by'] + ': ' + events['reason'], 'at': at})
    return {'answer': 'Approved. Its guardrails are asked once more, then it goes on.'}
`;

/** Like `abortRemediation`. */
export const abortScript = `${common}

def handler(events, context):
    table, key, item = read(events)
    abort = item['body'].get('abort')
    if abort is not None:
        return {'answer': abort['by'] + ' asked for its end already at ' + abort['at']}
    write(events, table, key, item, 'abort', {'by': events['by'], 'reason': events['reason'], 'at': now()})
    return {'answer': 'It goes to its nearest safe point: undone before the drain, finished after it.'}
`;

/** Like `acknowledgeIncident`; the desk puts it on the timeline within a minute. */
export const acknowledgeScript = `import boto3
from datetime import datetime, timedelta, timezone
from boto3.dynamodb.conditions import Attr

OVER = ('resolved', 'post-mortem-due', 'closed')


def text(at):
    return at.strftime('%Y-%m-%dT%H:%M:%S.') + '%03dZ' % (at.microsecond // 1000)


def handler(events, context):
    table = boto3.resource('dynamodb').Table(events['table'])
    key = {'pk': events['pk'], 'sk': events['sk']}
    item = table.get_item(Key=key, ConsistentRead=True).get('Item')
    if item is None:
        raise Exception('There is no incident ' + events['sk'] + '. Nothing was changed.')
    state = item['body']['state']
    if state in OVER:
        raise Exception(events['sk'] + ' is over (' + state + '); there is nothing to acknowledge. Nothing was changed.')
    if state == 'stable':
        raise Exception(events['sk'] + ' is calm and is being verified; there is nothing to acknowledge. Nothing was changed.')
    at, minutes = datetime.now(timezone.utc), int(events['minutes'])
    until = text(at + timedelta(minutes=minutes))
    table.update_item(
        Key=key,
        UpdateExpression='SET body.acknowledged = :value, body.#state = :state, body.updatedAt = :at, #version = #version + :one, writeId = :writeId',
        ConditionExpression=Attr('version').eq(item['version']),
        ExpressionAttributeNames={'#version': 'version', '#state': 'state'},
        ExpressionAttributeValues={
            ':value': {'by': events['by'] + ': ' + events['reason'], 'at': text(at), 'until': until},
            ':state': 'acknowledged' if state == 'open' else state,
            ':at': text(at),
            ':one': 1,
            ':writeId': events['writeId'],
        },
    )
    return {'answer': 'It is yours until ' + until + '. If it is neither repaired nor calm by then, it pages again.'}
`;
