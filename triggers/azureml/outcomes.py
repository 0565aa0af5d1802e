"""Tells the outcomes of a submission apart; the only place that does.

The question is always the same: may the service have accepted the run? The published pipeline's POST has no idempotency
key and two of them make two runs, so everything after the first byte on the wire that is no clear answer is UNKNOWN.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

from ..scheduling.outcome import Answer, Outcome

RUN_ID: Final = ("Id", "PipelineRunId")
"""Where a published pipeline's reply has the id of the run."""
JOB_ID: Final = ("name",)
"""Where the reply about a v2 job has it."""
_LATER: Final = frozenset({401, 403, 429})
"""Not accepted now, perhaps accepted later: a role that is still being granted, a limit."""
_MAY_HAVE_BEEN_ACCEPTED: Final = frozenset({408, 409, 425})
AWAY: Final = frozenset({401, 429, 502, 503, 504})
"""Answers to a question that no run of a target gets past now; the others may be about one run."""
_LONGEST_RUN_ID: Final = 1000
"""Characters: Azure ML's own have a tenth of them at most, and no longer one can be kept."""
_LONGEST_RETRY_AFTER: Final = timedelta(days=1)


def of_reply(status: int, headers: Mapping[str, str], body: bytes, ids: tuple[str, ...] = RUN_ID) -> Outcome:
    """The outcome of a reply that came in whole; `headers` must look names up without regard to case."""
    if 200 <= status < 300:
        return _accepted(status, body, ids)
    retry_after = _retry_after(headers)
    if status < 200:
        return Outcome(answer=Answer.UNKNOWN, sentence=f"the service answered {status} and then nothing")
    if status in _LATER or (status == 503 and retry_after is not None):
        answer = Answer.UNSENT
    elif status >= 500 or status in _MAY_HAVE_BEEN_ACCEPTED:
        answer = Answer.UNKNOWN
    else:
        answer = Answer.REJECTED
    return Outcome(answer=answer, sentence=_sentence(status, headers, body), retry_after=retry_after)


def never_sent(sentence: str) -> Outcome:
    """The outcome when no byte of the request was sent."""
    return Outcome(answer=Answer.UNSENT, sentence=sentence)


def cut_off(sentence: str) -> Outcome:
    """The outcome when the connection ended, or the patience did, before a whole reply came in."""
    return Outcome(answer=Answer.UNKNOWN, sentence=sentence)


def _accepted(status: int, body: bytes, ids: tuple[str, ...]) -> Outcome:
    reply = _parsed(body)
    run_id = next((reply[key] for key in ids if isinstance(reply.get(key), str) and reply[key]), None)
    if run_id is None:
        found = "HTML" if body.lstrip()[:1] == b"<" else "no " + " and no ".join(ids)
        return Outcome(answer=Answer.UNKNOWN, sentence=f"the service answered {status} but sent {found}")
    if len(str(run_id)) > _LONGEST_RUN_ID:
        return Outcome(answer=Answer.UNKNOWN, sentence=f"the service sent an id of {len(str(run_id))} characters")
    return Outcome(answer=Answer.SUBMITTED, run_id=clean(str(run_id)))


def _sentence(status: int, headers: Mapping[str, str], body: bytes) -> str:
    """What the service said: both shapes of its errors, {"Error": {"Code", "Message"}} and {"error": {"code", …}}."""
    reply = {key.lower(): value for key, value in _parsed(body).items()}
    error = reply.get("error")
    if isinstance(error, dict):
        parts = {key.lower(): value for key, value in error.items()}
        said = ": ".join(str(parts[key]) for key in ("code", "message") if parts.get(key))
    else:
        said = str(error or reply.get("message") or "")
    if 300 <= status < 400:
        said = f"it redirects to {_origin(headers.get('Location', ''))}, and a POST with a token is not redirected"
    return f"the service answered {status}" + (f": {clean(' '.join(said.split()))[:500]}" if said else "")


def clean(text: str) -> str:
    """A text of a reply without the halves of characters that JSON may smuggle in, and that nothing can store."""
    return text.encode("utf-8", "replace").decode()


def _origin(location: str) -> str:
    try:
        place = urlsplit(location)
    except ValueError:
        return "no address"
    return f"{place.scheme}://{place.netloc}"


def _parsed(body: bytes) -> dict[str, object]:
    try:
        reply = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return reply if isinstance(reply, dict) else {}


def _retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """Seconds, or a date that counts from the reply's own Date; None when absent or unreadable."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        wait = timedelta(seconds=min(int(text[:9]), 10**8))
    else:
        until, sent = _http_date(text), _http_date(headers.get("Date", ""))
        if until is None or sent is None:
            return None
        try:
            wait = until - sent
        except OverflowError:
            return None
    return min(max(wait, timedelta(0)), _LONGEST_RETRY_AFTER)


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
