"""Enables and disables what an entry of `pipelines` names, as `enable()` and `disable()` of SDK v1 do.

A published pipeline has a status. A pipeline endpoint has its own, and starts a published pipeline. Enabling sets both
to Active; disabling changes only the one that the entry names.
"""

from collections.abc import Iterator
from typing import Final

from ..azureml.pipelines import ACTIVE, DISABLED, Pipelines
from ..azureml.reading import Unread
from ..scheduling.config import PipelineKind
from .published import Entry, Unaddressed, address_of, refused

_WITHOUT_STATUS: Final = {
    PipelineKind.BATCH_ENDPOINT: ("a batch endpoint, which cannot be enabled or disabled; pause its schedules instead"),
    PipelineKind.COMPONENT: (
        "a component, which cannot be enabled or disabled; archive it in the studio, or pause its schedules"
    ),
}


class NotSwitched(Exception):
    """Nothing, or not everything, was changed; the message says why and what to do."""


def switch(entry: Entry, service: Pipelines, *, enable: bool) -> Iterator[str]:
    """Set the statuses; yields a sentence for each endpoint or pipeline. Raises NotSwitched."""
    if because := _WITHOUT_STATUS.get(entry.target.kind):
        raise NotSwitched(f"{entry.name} is {because} (python -m triggers pause SCHEDULE)")
    status = ACTIVE if enable else DISABLED
    try:
        address = address_of(entry)
        pipeline_id = address.pipeline_id
        if pipeline_id is None:
            endpoint = service.endpoint(address)
            pipeline_id = endpoint.versions.get(address.version or endpoint.default_version or "")
            if endpoint.status != status:
                service.set_endpoint_status(address.root, endpoint, status)
            yield _change_in_words(f"the endpoint {endpoint.name}", endpoint.status, status)
            if not enable or pipeline_id is None:
                return
        before = service.pipeline(address.root, pipeline_id).status
        if before != status:
            service.set_pipeline_status(address.root, pipeline_id, status)
        yield _change_in_words(f"the pipeline {pipeline_id}", before, status)
    except Unaddressed as error:
        raise NotSwitched(f"{entry.name}: {error}; check {entry.place}") from error
    except Unread as error:
        found = refused(entry, error, address, "what it names")
        raise NotSwitched(f"{found.sentence}; {found.remedy}") from error


def _change_in_words(what: str, before: str, status: str) -> str:
    return f"{what} was already {status}" if before == status else f"{what} is {status} now; it was {before}"
