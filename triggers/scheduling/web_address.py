"""Checks the URLs that the app calls."""

import re
from ipaddress import AddressValueError, IPv4Address
from urllib.parse import urlsplit


def url_problem(url: str) -> str | None:
    """Why this URL is not called, or None: only https is, and plain http only to loopback."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "this is not a URL"
    if parts.scheme not in ("https", "http") or not host or re.search(r"[\s\x00-\x1f\\]", url):
        return "expected a URL that begins with https://"
    if parts.fragment or url.endswith("#"):
        return "the part after # is never sent; remove it"
    if parts.username is not None:
        return "a user name or password in a URL is not sent; remove it"
    if parts.scheme == "http" and not is_loopback(host):
        return "a token is never sent over plain http; expected https://"
    return None


def host_of(url: str) -> str:
    """The host of a URL, with its port if it has one; empty if it is not a URL."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2].lower()
    except ValueError:
        return ""


def is_loopback(host: str) -> bool:
    """True if a host is this machine itself, however others resolve names: localhost, 127.0.0.0/8 or ::1."""
    if host in {"localhost", "::1"}:
        return True
    try:
        return IPv4Address(host).is_loopback
    except AddressValueError:
        return False
