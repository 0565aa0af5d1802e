"""How answers map to outcomes: try again, give up, or look the run up."""

from datetime import timedelta

import pytest
from requests.structures import CaseInsensitiveDict

from triggers.azureml.outcomes import of_reply
from triggers.scheduling.outcome import Answer

ERROR = b'{"Error": {"Code": "UserError", "Message": "no such\\nthing"}, "Correlation": {}}'


@pytest.mark.parametrize(
    ("status", "headers", "answer"),
    [
        (301, {}, Answer.REJECTED),
        (307, {"Location": "https://elsewhere"}, Answer.REJECTED),
        (400, {}, Answer.REJECTED),
        (401, {}, Answer.UNSENT),
        (403, {}, Answer.UNSENT),
        (404, {}, Answer.REJECTED),
        (405, {}, Answer.REJECTED),
        (408, {}, Answer.UNKNOWN),
        (409, {}, Answer.UNKNOWN),
        (413, {}, Answer.REJECTED),
        (425, {}, Answer.UNKNOWN),
        (429, {}, Answer.UNSENT),
        (429, {"retry-after": "7"}, Answer.UNSENT),
        (500, {}, Answer.UNKNOWN),
        (500, {"Retry-After": "7"}, Answer.UNKNOWN),
        (502, {}, Answer.UNKNOWN),
        (503, {}, Answer.UNKNOWN),
        (503, {"Retry-After": "7"}, Answer.UNSENT),
        (503, {"Retry-After": "soon"}, Answer.UNKNOWN),
        (504, {}, Answer.UNKNOWN),
        (599, {}, Answer.UNKNOWN),
    ],
)
def test_each_http_status_gives_its_outcome(status: int, headers: dict[str, str], answer: Answer) -> None:
    outcome = of_reply(status, CaseInsensitiveDict(headers), ERROR)

    assert outcome.answer is answer
    assert outcome.sentence is not None
    assert outcome.sentence.startswith(f"the service answered {status}: ")


@pytest.mark.parametrize(
    ("body", "run_id"),
    [
        (b'{"Id": "a"}', "a"),
        (b'{"Id": "a", "PipelineRunId": "b"}', "a"),
        (b'{"PipelineRunId": "b"}', "b"),
        (b'{"Id": null, "PipelineRunId": "b"}', "b"),
        (b'{"Id": "", "PipelineRunId": "b"}', "b"),
    ],
)
def test_the_run_id_is_read_from_id_and_then_from_pipeline_run_id(body: bytes, run_id: str) -> None:
    outcome = of_reply(200, {}, body)

    assert (outcome.answer, outcome.run_id) == (Answer.SUBMITTED, run_id)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "the service answered 200 but sent no Id and no PipelineRunId"),
        (b"{}", "the service answered 200 but sent no Id and no PipelineRunId"),
        (b'{"Id": 7}', "the service answered 200 but sent no Id and no PipelineRunId"),
        (b"[]", "the service answered 200 but sent no Id and no PipelineRunId"),
        (b'{"Id": "a', "the service answered 200 but sent no Id and no PipelineRunId"),
        (b" <html>Sign in</html>", "the service answered 200 but sent HTML"),
        (b"\xff\xfe", "the service answered 200 but sent no Id and no PipelineRunId"),
        (b"[" * 100_000, "the service answered 200 but sent no Id and no PipelineRunId"),
    ],
)
def test_a_success_without_a_run_id_is_unknown(body: bytes, sentence: str) -> None:
    outcome = of_reply(200, {}, body)

    assert (outcome.answer, outcome.sentence) == (Answer.UNKNOWN, sentence)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (ERROR, "the service answered 404: UserError: no such thing"),
        (b'{"error": {"code": "NotFound", "message": "gone"}}', "the service answered 404: NotFound: gone"),
        (b'{"message": "plain"}', "the service answered 404: plain"),
        (b'{"error": "text"}', "the service answered 404: text"),
        (b"<html>", "the service answered 404"),
        (b"Forbidden", "the service answered 404"),
    ],
)
def test_both_shapes_of_error_bodies_are_reported(body: bytes, sentence: str) -> None:
    assert of_reply(404, {}, body).sentence == sentence


def test_a_redirect_is_reported_and_not_followed() -> None:
    sentence = of_reply(307, {"Location": "https://else.where/x?sig=secret"}, b"").sentence

    assert sentence == (
        "the service answered 307: it redirects to https://else.where, and a POST with a token is not sent elsewhere"
    )


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Retry-After": "0"}, timedelta(0)),
        ({"Retry-After": " 90 "}, timedelta(seconds=90)),
        ({"Retry-After": "99999999999"}, timedelta(days=1)),
        (
            {"Retry-After": "Sun, 01 Nov 2026 04:02:00 GMT", "Date": "Sun, 01 Nov 2026 04:00:00 GMT"},
            timedelta(minutes=2),
        ),
        ({"Retry-After": "Sun, 01 Nov 2026 03:00:00 GMT", "Date": "Sun, 01 Nov 2026 04:00:00 GMT"}, timedelta(0)),
        ({"Retry-After": "Sun, 01 Nov 2026 04:02:00 GMT"}, None),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "Mon, 01 Jan 99999999999999 00:00:00 GMT", "Date": "Sun, 01 Nov 2026 04:00:00 GMT"}, None),
        ({"Retry-After": "Mon, 01 Jan 2027 00:00:00 +99999999999999", "Date": "Sun, 01 Nov 2026 04:00:00 GMT"}, None),
        ({"Retry-After": "٣"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(headers: dict[str, str], wait: timedelta | None) -> None:
    assert of_reply(429, headers, b"").retry_after == wait


@pytest.mark.parametrize("status", [101, 102, 103, 199])
def test_an_informational_status_leaves_the_run_unknown(status: int) -> None:
    assert of_reply(status, {}, b"").answer is Answer.UNKNOWN
