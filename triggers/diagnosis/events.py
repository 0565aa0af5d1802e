"""Compares Event Grid's subscriptions, as Azure Resource Manager shows them, with what each schedule needs.

The subscriptions are created by infra/app/event-subscriptions.bicep. The webhook and its names are those of
https://learn.microsoft.com/azure/azure-functions/functions-event-grid-blob-trigger. A subscription's URL contains the
host's key, so the resource shows it without its query. getFullUrl returns all of it, of which we read only the
function's name.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from ..azureml.reading import Unread
from ..azureml.resource_manager import ResourceManager
from ..deployment.parameters import subject_filter, subscription_name
from ..scheduling.config import ChangeSchedule, ChangeTrigger, Schedule
from .findings import Findings, fault, not_checked, ok, warning

API: Final = "2022-06-15"
_STORAGE_API: Final = "2023-01-01"
_WEBHOOK: Final = "/runtime/webhooks/blobs"
_OTHER_WEBHOOK: Final = "/runtime/webhooks/eventgrid"
"""The webhook of Event Grid triggers, which does not call blob functions."""
_CREATED: Final = "Microsoft.Storage.BlobCreated"
FIX: Final = "run azd hooks run postdeploy, or python -m infra.deploy ENVIRONMENT"
BY_HAND: Final = (
    "check with az eventgrid system-topic event-subscription list --resource-group GROUP --system-topic-name TOPIC; "
    "the role Reader on the account and its topic is enough, except for the function's name, which needs write access"
)


@dataclass(frozen=True, kw_only=True)
class Subscription:
    """An event subscription that calls a webhook."""

    name: str
    state: str
    base_url: str
    function: str | None
    """The URL's functionName; None if the full URL could not be read."""
    properties: Mapping[str, Any]

    @property
    def path(self) -> str:
        return urlsplit(self.base_url).path.rstrip("/").lower()


def account_id(
    connection: str, account: str, settings: Mapping[str, str], subscription: str, arm: ResourceManager
) -> str:
    """The storage account's resource id, from the deployment's setting or found by its name; raises Unread."""
    if given := settings.get(f"{connection}__accountId"):
        return given.rstrip("/")
    path = f"/subscriptions/{subscription}/providers/Microsoft.Storage/storageAccounts"
    for one in arm.every(path, _STORAGE_API):
        if str(one.get("name", "")).lower() == account.lower():
            return str(one.get("id"))
    raise Unread(
        f"the storage account {account} is not in the subscription {subscription}; set {connection}__accountId"
    )


@dataclass(frozen=True, kw_only=True)
class Wiring:
    """The event subscriptions on a storage account."""

    subscriptions: Sequence[Subscription]
    functions: Sequence[Mapping[str, Any]]
    """The other subscriptions, as resources. Those for renames call a function by its resource id."""
    has_topic: bool
    """False if there is no topic, or it is not visible: a list omits resources that the identity may not read."""


def wiring(account: str, arm: ResourceManager) -> Wiring:
    """Every event subscription on the account and on its system topic; raises Unread."""
    has_topic = False
    found = list(arm.every(f"{account}/providers/Microsoft.EventGrid/eventSubscriptions", API))
    of_topics = f"/subscriptions/{account.split('/')[2]}/providers/Microsoft.EventGrid/systemTopics"
    for topic in arm.every(of_topics, API):
        source = str((topic.get("properties") or {}).get("source", ""))
        if source.lower() == account.lower():
            has_topic = True
            found += arm.every(f"{topic['id']}/eventSubscriptions", API)
    by_id = {str(one.get("id", one.get("name"))).lower(): one for one in found}
    mine = [_subscription(one, arm) for one in by_id.values() if _webhook(one) is not None]
    functions = [one for one in by_id.values() if _webhook(one) is None]
    return Wiring(subscriptions=mine, functions=functions, has_topic=has_topic or bool(found))


def check(schedule: ChangeSchedule, wired: Wiring, settings: Mapping[str, str]) -> Findings:
    """Check that one subscription reports every upload in the schedule's scope to its function."""
    subject, function = f"events {schedule.name}", f"Host.Functions.{schedule.name}"
    trigger = schedule.trigger
    suffix = f"-{subscription_name(schedule.name)}"
    mine = [
        one
        for one in wired.subscriptions
        if one.path == _WEBHOOK and (one.function == function or (one.function is None and one.name.endswith(suffix)))
    ]
    if not wired.has_topic:
        sentence = "no system topic of the account is visible: there is none, or the identity may not read it"
        yield warning(subject, f"{sentence}; without one, uploads are found only by the sweep", BY_HAND)
        return
    if not mine:
        yield fault(subject, _nearly(schedule, wired.subscriptions, suffix), FIX)
        return
    problems = [list(_problems(one, trigger, settings)) for one in mine]
    best = min(problems, key=len)
    one = mine[problems.index(best)]
    for problem in best:
        yield fault(
            subject,
            f"the event subscription {one.name} {problem}; the affected uploads are found only by the sweep",
            FIX,
        )
    if best:
        return
    if one.function is None:
        sentence = f"the event subscription {one.name} has the right filter; the function that it calls is not visible"
        yield not_checked(subject, sentence, BY_HAND)
    else:
        called = f"{function} at {urlsplit(one.base_url).hostname}"
        yield ok(subject, f"the event subscription {one.name} calls {called}, with the right filter")
    if not (one.properties.get("deadLetterDestination") or one.properties.get("deadLetterWithResourceIdentity")):
        sentence = (
            f"{one.name} has no dead-letter destination: if Event Grid gives up on an event, only the sweep finds "
            "its file"
        )
        yield warning(subject, sentence, FIX)


def _nearly(schedule: Schedule, there: Sequence[Subscription], suffix: str) -> str:
    """Why no subscription calls the function, based on the closest one."""
    for one in there:
        named = (one.function or "").rpartition(".")[2].lower() == schedule.name.lower()
        if one.path == _OTHER_WEBHOOK and (named or one.name.endswith(suffix)):
            return f"the event subscription {one.name} calls {_OTHER_WEBHOOK}; a blob function's webhook is {_WEBHOOK}"
        if one.path == _WEBHOOK and (named or one.name.endswith(suffix)):
            return (
                f"the event subscription {one.name} calls the function {one.function} instead of "
                f"Host.Functions.{schedule.name}"
            )
    return "no event subscription reports uploads to this function, so they are found only by the sweep"


def _problems(one: Subscription, trigger: ChangeTrigger, settings: Mapping[str, str]) -> Iterator[str]:
    """What keeps events of the schedule's blobs from its function; a filter that is too wide is no problem."""
    if one.state != "Succeeded":
        yield f"is in the state {one.state or 'unknown'}"
    host = settings.get("WEBSITE_HOSTNAME")
    if host and (urlsplit(one.base_url).hostname or "").lower() != host.lower():
        yield f"calls {urlsplit(one.base_url).hostname}, but this app is {host}"
    found, wanted = one.properties.get("filter") or {}, subject_filter(trigger)
    types = found.get("includedEventTypes")
    if types and _CREATED not in types and "All" not in types:
        yield f"filters out {_CREATED}"

    def text(value: object) -> str:
        written = str(value or "")
        return written if found.get("isSubjectCaseSensitive") is True else written.lower()

    begins, ends = found.get("subjectBeginsWith"), found.get("subjectEndsWith")
    if not text(wanted["subjectBeginsWith"]).startswith(text(begins)):
        yield f"filters on the prefix {begins}, but the schedule watches {wanted['subjectBeginsWith']}"
    if not text(wanted["subjectEndsWith"]).endswith(text(ends)):
        yield f"filters on the suffix {ends}, but the schedule watches more than that"


def destination_of(one: Mapping[str, Any]) -> Mapping[str, Any]:
    """The destination of a subscription, whether it is delivered with an identity or not; empty if there is none."""
    properties = one.get("properties") or {}
    with_identity = properties.get("deliveryWithResourceIdentity") or {}
    found = properties.get("destination") or with_identity.get("destination")
    return found if isinstance(found, dict) else {}


def _webhook(one: Mapping[str, Any]) -> dict[str, Any] | None:
    """The destination's properties; None if it is not a webhook of a Functions host."""
    destination = destination_of(one)
    if destination.get("endpointType") != "WebHook":
        return None
    found = destination.get("properties") or {}
    return found if "/runtime/webhooks/" in str(found.get("endpointBaseUrl", "")).lower() else None


def _subscription(one: Mapping[str, Any], arm: ResourceManager) -> Subscription:
    webhook = _webhook(one) or {}
    return Subscription(
        name=str(one.get("name", "")),
        state=str((one.get("properties") or {}).get("provisioningState") or ""),
        base_url=str(webhook.get("endpointBaseUrl", "")),
        function=_function(str(one.get("id", "")), arm),
        properties=one.get("properties") or {},
    )


def _function(subscription_id: str, arm: ResourceManager) -> str | None:
    try:
        url = str(arm.act(subscription_id, "getFullUrl", API).get("endpointUrl") or "")
    except Unread:
        return None
    query = {name.lower(): values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    return query.get("functionname")
