"""Checks the file's pipelines and makes targets from them."""

from collections.abc import Callable, Mapping
from functools import partial

from ..config import PipelineKind, Target, Workspace
from ..faults import FaultList
from ..run_service import shows_its_service
from ..templates import MissingSetting, Setting, expand, tokens
from ..token_hosts import token_problem
from .keys import PipelineKeys, WorkspaceKeys
from .target_rules import RULES, placeholder_problem, segment_problem


def checked_target(
    name: str,
    keys: PipelineKeys,
    workspace: Workspace | None,
    settings: Mapping[str, str],
    faults: FaultList,
    *,
    workspace_is_given: bool,
) -> Target | None:
    """The target of one entry of `pipelines`; None, with errors, if it does not name exactly one thing."""
    path = f"pipelines.{name}"
    given = [kind for kind in PipelineKind if getattr(keys, kind.value) is not None]
    if len(given) != 1:
        found = ", ".join(kind.value for kind in given) or "none"
        faults.add(
            path, None, f"expected exactly one of {', '.join(kind.value for kind in PipelineKind)}; found {found}"
        )
        return None
    kind = given[0]
    whole = _extras_fit(path, keys, kind, faults)
    own = checked_workspace(keys.workspace, settings, faults, path=f"{path}.workspace")
    if own is not None:
        workspace = own
    elif kind is PipelineKind.ENDPOINT and shows_its_service(keys.endpoint or "", settings):
        workspace = None
    if not RULES[kind].is_url and workspace is None:
        whole = False
        if not workspace_is_given:
            faults.add(path, None, f"a pipeline named by {kind.value} needs the key `workspace` at the top of the file")
    target = Target(
        kind=kind,
        name=getattr(keys, kind.value),
        version=None if keys.version is None else str(keys.version),
        deployment=keys.deployment,
        # Used to cancel a batch endpoint's runs, and to poll runs whose URL does not show where.
        workspace=workspace,
    )
    _check_address(f"{path}.{kind.value}", target, settings, faults)
    return target if whole else None


def checked_workspace(
    keys: WorkspaceKeys | None, settings: Mapping[str, str], faults: FaultList, path: str = "workspace"
) -> Workspace | None:
    """The workspace; its API's URL is checked if its settings exist."""
    if keys is None:
        return None
    _check(f"{path}.api", keys.api, partial(token_problem, settings=settings), settings, faults)
    for key in ("subscription_id", "resource_group", "name"):
        _check(f"{path}.{key}", getattr(keys, key), segment_problem, settings, faults)
    return Workspace(
        subscription_id=keys.subscription_id, resource_group=keys.resource_group, name=keys.name, api=keys.api
    )


def _extras_fit(path: str, keys: PipelineKeys, kind: PipelineKind, faults: FaultList) -> bool:
    whole = True
    for owner, rules in RULES.items():
        key = rules.extra
        if key is not None and getattr(keys, key) is not None and kind is not owner:
            faults.add(f"{path}.{key}", getattr(keys, key), f"is valid only with {owner.value}")
            whole = False
    return whole


def _check_address(path: str, target: Target, settings: Mapping[str, str], faults: FaultList) -> None:
    problem = RULES[target.kind].name_problem or partial(token_problem, settings=settings)
    _check(path, target.name, problem, settings, faults)


def _check(
    path: str, text: str, problem_of: Callable[[str], str | None], settings: Mapping[str, str], faults: FaultList
) -> None:
    """Check the text with its settings filled in; a missing setting is reported elsewhere."""
    try:
        value = expand(text, settings)
    except MissingSetting:
        return
    if problem := placeholder_problem(value) or problem_of(value):
        names = ", ".join(token.name for token in tokens(text) if isinstance(token, Setting))
        faults.add(path, text, f"{problem}; check the app setting {names}" if names else problem)
