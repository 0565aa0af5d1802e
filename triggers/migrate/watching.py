"""Derives what a file trigger watches (account, container, folder, globs) from prefixes and suffixes."""

import re
from glob import escape
from typing import Any

from .drafts import Draft
from .literals import literal, setting_name

_ACCOUNT = re.compile(r"[a-z0-9]{3,24}\Z")


def watch(draft: Draft, prefix: str, suffix: str, account: str, place: str) -> str:
    """Put a prefix (`container/blobs/folder/name`) and a suffix into the draft's trigger; returns the container."""
    container, slash, rest = prefix.strip("/").partition("/")
    rest = re.sub(r"^blobs(/|\Z)", "", rest)
    if prefix.endswith("/") and rest and not rest.endswith("/"):
        rest += "/"
    if not container:
        draft.lost(
            place, "names no container: in the source, files of every container start it; in this app, files of one"
        )
        container = draft.setting(setting_name(draft.name, "container"), "the name of the watched container")
    else:
        if not slash:
            draft.changed(
                place,
                f"the source watches every container that begins with {container!r}; this app watches only that one",
            )
        container = literal(container)
    folder, _, begin = rest.rpartition("/")
    change: dict[str, Any] = {
        "connection": connection_of(draft, account),
        "container": container,
        "recursive": True,
        "min_size": 0,
    }
    if folder:
        change["path_on_datastore"] = literal(folder)
    if begin or suffix:
        change["include"] = [literal(f"{escape(begin)}**{escape(suffix)}")]
    draft.trigger = {"change": change}
    return container


def connection_of(draft: Draft, account: str) -> str:
    """The prefix of an account's settings; the source gives at most the account's name."""
    known = account if _ACCOUNT.match(account) else ""
    connection = f"Storage{known}" if known else "DataStorage"
    draft.settings[f"{connection}__blobServiceUri"] = f"https://{known or 'ACCOUNT'}.blob.core.windows.net"
    draft.before.append(
        f"give the function app's identity the role Storage Blob Data Owner on the account of {connection}"
    )
    return connection
