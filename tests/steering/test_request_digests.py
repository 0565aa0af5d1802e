"""The same request id with the same request is one run, whichever version of the app received it first."""

import pytest

from triggers.scheduling.azure_devops import AzureDevOps
from triggers.steering.questions import CallbackBody, TriggerBody
from triggers.steering.request_digests import request_digest, request_digests


def task(token: str) -> CallbackBody:
    return CallbackBody(
        azure_devops=AzureDevOps(
            plan_url="https://dev.azure.com/org/",
            project_id="project-id",
            hub_name="hub-name",
            plan_id="plan-id",
            job_id="job-id",
            timeline_id="timeline-id",
            task_instance_id="task-instance-id",
            auth_token=token,
        )
    )


def everything(token: str = "token") -> TriggerBody:
    return TriggerBody(
        request_id="42",
        pipeline_parameters={"since": "2026-10-01", "n": 3, "flag": True, "x": 0.5},
        scheduled_time="2026-11-01T04:30:00Z",
        note="again, please",
        by="ada",
        callback=task(token),
    )


@pytest.mark.parametrize(
    ("body", "digest", "digest_0_1"),
    [
        pytest.param(
            TriggerBody(request_id="1"),
            "d810a5781507f123c5d1140dc10a8ec2da36981d39055677e076bb393f129546",
            "92aa7d314246cfbb61f71eb079f966828649edd75b666392c23fbb82611f4da4",
            id="an id alone",
        ),
        pytest.param(
            everything(),
            "185856b9789bf3c4b44a186192f99c012b07b4fce0cfc599ef5362bed8fa6923",
            "d42824844351c97f06f28c1f2bbeead4c5bca5583d510b27ea8042f83482fa95",
            id="everything",
        ),
        pytest.param(
            TriggerBody(request_id="b", blob="incoming/ä.csv"),
            "eb3c7b4a50281fdb1d043807d51513a8ba5c08de52970d0a28af40bca933af95",
            "2a2b7fffd2b4c64912190ba3c36a1304cb634b5af9ec56a0872ee932948ff785",
            id="a blob",
        ),
    ],
)
def test_request_digests_are_stable_and_include_the_one_of_0_1(body: TriggerBody, digest: str, digest_0_1: str) -> None:
    assert request_digest(body) == digest
    assert request_digests(body) == {digest, digest_0_1}


def test_the_token_of_a_task_does_not_change_the_digest() -> None:
    assert request_digest(everything("one")) == request_digest(everything("two"))
    assert request_digests(everything("one")) == request_digests(everything("two"))


def test_the_order_of_parameters_does_not_change_the_digest() -> None:
    ordered = TriggerBody(request_id="1", pipeline_parameters={"a": 1, "b": 2})
    turned = TriggerBody(request_id="1", pipeline_parameters={"b": 2, "a": 1})

    assert request_digests(ordered) == request_digests(turned)
