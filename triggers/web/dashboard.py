"""The dashboard: one page that shows and steers everything through the HTTP API, and the headers that confine it.

It is read with the first request for it, never at indexing. It holds no data and no key: it asks for the key itself.
"""

import base64
import hashlib
import re
from functools import cache
from pathlib import Path

import azure.functions as func

_FILE = Path(__file__).with_name("dashboard.html")


def page() -> func.HttpResponse:
    """The page, with a policy that lets it run its own script and talk to its own app, and nothing else."""
    content, policy = _read()
    headers = {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cache-Control": "no-store",
    }
    return func.HttpResponse(content, mimetype="text/html", headers=headers)


@cache
def _read() -> tuple[bytes, str]:
    content = _FILE.read_bytes()
    rules = {
        "default-src": "'none'",
        "script-src": _hash(content, b"script"),
        "style-src": _hash(content, b"style"),
        "img-src": "data:",  # the icon
        "connect-src": "'self'",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",  # no text ever becomes markup
    }
    return content, "; ".join(f"{name} {value}" for name, value in rules.items())


def _hash(content: bytes, tag: bytes) -> str:
    """What the page's one element of a kind holds, as the policy names it: no other is run."""
    [text] = re.findall(rb"<%s>(.*?)</%s>" % (tag, tag), content, re.DOTALL)
    return f"'sha256-{base64.b64encode(hashlib.sha256(text).digest()).decode()}'"
