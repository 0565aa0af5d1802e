"""Classifies the outcomes of submissions; no other module does.

The question is always the same: can the service have accepted the run? POSTs to a published pipeline have no
idempotency key, and two of them make two runs. So once the first byte has been sent, anything but a clear answer is
UNKNOWN.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

from ..scheduling.outcome import Answer, Outcome

RUN_ID: Final = ("Id", "PipelineRunId")
"""The keys that may hold the run id in a published pipeline's reply."""
JOB_ID: Final = ("name",)
"""The key that holds the id in a reply about a v2 job."""
_LATER: Final = frozenset({401, 403, 429})
"""Not accepted now but perhaps later: a role assignment that is not effective yet, or a rate limit."""
_MAY_HAVE_BEEN_ACCEPTED: Final = frozenset({408, 409, 425})
AWAY: Final = frozenset({401, 429, 502, 503, 504})
"""Statuses that affect all runs of a target for now; others may concern a single run."""
_LONGEST_RUN_ID: Final = 1000
"""In characters. Azure ML's ids have at most a tenth of that, and longer ones cannot be stored."""
_LONGEST_RETRY_AFTER: Final = timedelta(days=1)


def of_reply(status: int, headers: Mapping[str, str], body: bytes, ids: tuple[str, ...] = RUN_ID) -> Outcome:
    """The outcome of a reply, even of one with an incomplete body; lookups in `headers` must ignore case."""
    if 200 <= status < 300:
        return _accepted(status, body, ids)
    retry_after = _retry_after(headers)
    if status < 200:
        return Outcome(answer=Answer.UNKNOWN, sentence=f"the service answered {status}, but its reply broke off")
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
    """The outcome when the connection broke or the wait timed out before a reply came in."""
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
    """The service's error message, in either shape: {"Error": {"Code", "Message"}} or {"error": {"code", …}}."""
    reply = {key.lower(): value for key, value in _parsed(body).items()}
    error = reply.get("error")
    if isinstance(error, dict):
        parts = {key.lower(): value for key, value in error.items()}
        said = ": ".join(str(parts[key]) for key in ("code", "message") if parts.get(key))
    else:
        said = str(error or reply.get("message") or "")
    if 300 <= status < 400:
        said = f"it redirects to {_origin(headers.get('Location', ''))}, and a POST with a token is not sent elsewhere"
    return f"the service answered {status}" + (f": {clean(' '.join(said.split()))[:500]}" if said else "")


def clean(text: str) -> str:
    """Replace lone surrogates in a reply's text: JSON may contain them, but nothing can store them."""
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
    """The wait in seconds, or until a date relative to the reply's Date; None if absent or unreadable."""
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
