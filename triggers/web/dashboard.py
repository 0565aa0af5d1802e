"""The dashboard: a page that shows and controls everything through the HTTP API, and the headers that restrict it.

Its files are read with the first request for it, never when the host indexes the functions. It holds no data and no
key: it asks the user for the key.
"""

import base64
import hashlib
import re
from functools import cache
from pathlib import Path
from typing import Final

import azure.functions as func
import msgspec

from .one_script import one_script
from .tables import tables

FILES: Final = Path(__file__).with_name("dashboard")
_STYLE: Final = '<link rel="stylesheet" href="style.css">'
_TABLES: Final = '<script type="application/json" id="tables"></script>'
_SCRIPT: Final = '<script type="module" src="main.js"></script>'
_MARKUP: Final = re.compile(r"<!--|</?(?:script|style)", re.IGNORECASE)
"""Text that could end a script or style element, or keep it from ending."""
_TAG: Final = re.compile(r"\w+")


def page() -> func.HttpResponse:
    """The page, with a policy that allows only its own script and calls to its own app."""
    content, policy = _made()
    headers = {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cache-Control": "no-store",
    }
    return func.HttpResponse(content, mimetype="text/html", headers=headers)


@cache
def _made() -> tuple[bytes, str]:
    """The page with its files inserted, and the policy that allows only its style and its script, by hash."""
    style = (FILES / "style.css").read_text(encoding="utf-8")
    script = f'"use strict";\n{one_script(FILES, "main.js")}'
    html = (FILES / "index.html").read_text(encoding="utf-8")
    html = _put_in(html, _STYLE, "<style>", style)
    html = _put_in(html, _TABLES, '<script type="application/json" id="tables">', _json(tables()))
    html = _put_in(html, _SCRIPT, "<script>", script)
    return html.encode(), _policy(style, script)


def _put_in(html: str, reference: str, begin: str, text: str) -> str:
    """Replace a reference by an element with the text; raises ValueError if the text contains markup."""
    if html.count(reference) != 1:
        raise ValueError(f"the dashboard's page must hold {reference} once")
    if found := _MARKUP.search(text):
        raise ValueError(f"what the dashboard's page holds in {begin} must not hold {found[0]}")
    before, _, after = html.partition(reference)
    return f"{before}{begin}{text}</{_TAG.findall(begin)[0]}>{after}"


def _json(answer: object) -> str:
    """JSON without markup."""
    return msgspec.json.encode(answer).decode().replace("<", r"\u003c")


def _policy(style: str, script: str) -> str:
    rules = {
        "default-src": "'none'",
        "script-src": _hash(script),
        "style-src": _hash(style),
        "img-src": "data:",  # the icon
        "connect-src": "'self'",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",  # no text ever becomes markup
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def _hash(text: str) -> str:
    """The hash by which the policy allows a text."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
