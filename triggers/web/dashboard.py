"""The dashboard: one page that shows and steers everything through the HTTP API, and the headers that confine it.

Its files are read with the first request for it, never at indexing. It holds no data and no key: it asks for the key
itself.
"""

import base64
import hashlib
import re
from functools import cache
from pathlib import Path
from typing import Final

import azure.functions as func

from .one_script import one_script

FILES: Final = Path(__file__).with_name("dashboard")
_STYLE: Final = '<link rel="stylesheet" href="style.css">'
_SCRIPT: Final = '<script type="module" src="main.js"></script>'


def page() -> func.HttpResponse:
    """The page, with a policy that lets it run its own script and talk to its own app, and nothing else."""
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
    """The page with its style and its script put in, and the policy that names these two."""
    style = (FILES / "style.css").read_text(encoding="utf-8")
    script = f'"use strict";\n{one_script(FILES, "main.js")}'
    html = (FILES / "index.html").read_text(encoding="utf-8")
    html = _put_in(html, _STYLE, "style", style)
    html = _put_in(html, _SCRIPT, "script", script)
    return html.encode(), _policy(style, script)


def _put_in(html: str, reference: str, tag: str, text: str) -> str:
    """The page with an element in the place of a reference to a file; raises ValueError where it would not be one."""
    if html.count(reference) != 1:
        raise ValueError(f"the dashboard's page has to hold {reference} once")
    if found := re.search(rf"<!--|</?{tag}", text, re.IGNORECASE):
        raise ValueError(f"the dashboard's {tag} holds {found[0]}, which may end it or keep it from ending")
    before, _, after = html.partition(reference)
    return f"{before}<{tag}>{text}</{tag}>{after}"


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
    """A text as the policy names it: no other is run."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
