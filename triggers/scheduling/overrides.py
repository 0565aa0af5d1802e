"""The caller's values for a single run, in place of its schedule's; plain text, in which nothing is filled in."""

from collections.abc import Mapping

from msgspec import Struct, field

from .config import Datapath, Dataset
from .replacing import replace
from .run_request import RunRequest
from .templates import escaped


class Overrides(Struct, frozen=True, kw_only=True):
    """A caller's values, by the keys of the file; what is absent stays the schedule's."""

    experiment_name: str | None = None
    display_name: str | None = None
    description: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    """In addition to the schedule's."""
    datapaths: Mapping[str, Datapath] = field(default_factory=dict)
    """If its datastore is empty, the schedule's is kept."""
    datasets: Mapping[str, Dataset] = field(default_factory=dict)
    parent_run_id: str | None = None
    continue_on_step_failure: bool | None = None
    run_source: str | None = None


def with_overrides(request: RunRequest, parameters: Mapping[str, str], given: Overrides | None) -> RunRequest:
    """The request with a caller's values in place of the schedule's."""
    own = {escaped(name): escaped(value) for name, value in parameters.items()}
    request = replace(request, pipeline_parameters={**request.pipeline_parameters, **own})
    if given is None:
        return request
    continues = given.continue_on_step_failure
    return replace(
        request,
        experiment_name=_given(given.experiment_name) or request.experiment_name,
        display_name=_given(given.display_name) or request.display_name,
        description=request.description if given.description is None else escaped(given.description),
        tags={**request.tags, **{escaped(name): escaped(text) for name, text in given.tags.items()}},
        datapaths={**request.datapaths, **_datapaths(request, given)},
        datasets={**request.datasets, **{escaped(name): _dataset(one) for name, one in given.datasets.items()}},
        parent_run_id=_given(given.parent_run_id) or request.parent_run_id,
        continue_on_step_failure=request.continue_on_step_failure if continues is None else continues,
        run_source=_given(given.run_source) or request.run_source,
    )


def _datapaths(request: RunRequest, given: Overrides) -> dict[str, Datapath]:
    made = {}
    for name, one in given.datapaths.items():
        before = request.datapaths.get(escaped(name))
        datastore = escaped(one.datastore) or (before.datastore if before is not None else "")
        made[escaped(name)] = Datapath(datastore=datastore, path=escaped(one.path))
    return made


def _dataset(one: Dataset) -> Dataset:
    return Dataset(id=_given(one.id), name=_given(one.name), version=_given(one.version))


def _given(text: str | None) -> str | None:
    return None if text is None else escaped(text)
