"""Starts MiniStack 1.5.33 with four of its answers corrected, so that the template and the alarms for AWS work unchanged.

The corrections touch names that MiniStack does not promise to keep: the version is pinned, and a missing name stops
the start with a clear text. Everything else is MiniStack as it is.
"""

import contextvars
import json
import types

from ministack.core import iam_actions, iam_evaluator
from ministack.services import cloudwatch


def require(module, *names):
    for name in names:
        if not hasattr(module, name):
            raise SystemExit(f"{module.__name__} no longer has {name}: adapt sandbox/emulators/ministack-launcher.py")


def count_every_call_as_encrypted():
    """Topics, queues and buckets of the template deny calls without TLS (`aws:SecureTransport`), as they should on AWS.

    Here everything listens on 127.0.0.1 without TLS, and MiniStack counts its own deliveries (a topic to a queue, a
    schedule to a topic) as unencrypted even when its port has TLS. Only this one condition key is answered for.
    """
    require(iam_evaluator, "_request_origin", "pin_request_origin")
    origin = contextvars.ContextVar("request_origin", default=("127.0.0.1", True))
    iam_evaluator._request_origin = origin
    iam_evaluator.pin_request_origin = lambda source_ip, secure_transport: origin.set((source_ip, True))


def name_the_resource_of_a_call():
    """MiniStack does not always find what a call is about, and then checks the policy against `*` or another resource.

    Alarms: their name is found in form-encoded bodies only, the SDK sends JSON. Schedules: their group is always read as
    `default`. A policy that names its resources, as it should on AWS, then denies everything.
    https://docs.aws.amazon.com/service-authorization/latest/reference/list_cloudwatch.html
    https://docs.aws.amazon.com/service-authorization/latest/reference/list_scheduler.html
    """
    require(iam_actions, "extract_resource_arn")
    extract = iam_actions.extract_resource_arn

    def extract_named(service, method, path, headers, body, query_params, region, account_id):
        found = extract(service, method, path, headers, body, query_params, region, account_id)
        if service == "monitoring" and found == "*":
            return alarm_arn(path, headers, decode_body(body), region, account_id) or found
        if service == "scheduler":
            group = decode_body(body).get("GroupName") or "default"
            return found.replace(":schedule/default/", f":schedule/{group}/")
        return found

    iam_actions.extract_resource_arn = extract_named


def alarm_arn(path, headers, request, region, account_id):
    if request.get("ResourceARN"):
        return request["ResourceARN"]
    names = request.get("AlarmNames") or [request.get("AlarmName")]
    # Describing reads across alarms and is authorised on all of them.
    is_listing = path.endswith("DescribeAlarms") or headers.get("x-amz-target", "").endswith("DescribeAlarms")
    return f"arn:aws:cloudwatch:{region}:{account_id}:alarm:{names[0]}" if names[0] and not is_listing else None


def decode_body(body):
    try:
        request = json.loads(body or b"{}")
    except ValueError:
        return {}
    return request if isinstance(request, dict) else {}


def check_batches_as_what_they_are_made_of():
    """MiniStack checks `sqs:SendMessageBatch`, an action that IAM does not have: on AWS a batch needs the action of its entries.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html
    """
    require(iam_actions, "extract_iam_action")
    extract = iam_actions.extract_iam_action

    def extract_single(service, *arguments, **named):
        action = extract(service, *arguments, **named)
        return action.removesuffix("Batch") if service == "sqs" and action else action

    iam_actions.extract_iam_action = extract_single


def let_alarms_see_only_their_own_metric():
    """MiniStack evaluates an alarm over all metrics of that name, whatever their dimensions.

    On AWS name, namespace and dimensions together are the metric
    (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html). Without this, one sick
    instance would set off the alarms of all its peers.
    """
    require(cloudwatch, "_evaluate_alarm", "_metrics", "_dims_key")
    evaluate = cloudwatch._evaluate_alarm

    def evaluate_own_metric(alarm):
        dimensions = {item["Name"]: item["Value"] for item in alarm.get("Dimensions") or []}
        own = (alarm.get("Namespace"), alarm.get("MetricName"), cloudwatch._dims_key(dimensions))
        # The same code with a view of the metrics that holds only this one; a copy, because requests run in threads.
        seen = {**vars(cloudwatch), "_metrics": {key: points for key, points in cloudwatch._metrics.items() if key == own}}
        types.FunctionType(evaluate.__code__, seen)(alarm)

    cloudwatch._evaluate_alarm = evaluate_own_metric


count_every_call_as_encrypted()
name_the_resource_of_a_call()
check_batches_as_what_they_are_made_of()
let_alarms_see_only_their_own_metric()

# Imported last: it takes names out of the modules above.
from ministack.app import main  # noqa: E402

main()
