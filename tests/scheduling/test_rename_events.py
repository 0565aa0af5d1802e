"""What is read from an Event Grid event: only names, and they must be consistent."""

from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from builders import examples, utc, watching
from hypothesis import given, settings
from hypothesis import strategies as st

from triggers.scheduling.renames import DIRECTORY_RENAMED, FILE_RENAMED, UnfitEvent, clamped, listed_folder, rename_of

NOW = utc("2026-11-01T04:00")
TOPIC = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/account"


def event(path: str = "in/b.csv", source: str = "in/a.csv", **changed: Any) -> dict[str, Any]:
    """The arguments of a rename event, as Event Grid sends it."""
    site = "https://account.dfs.core.windows.net/data/"
    arguments = {
        "event_type": FILE_RENAMED,
        "topic": TOPIC,
        "subject": f"/blobServices/default/containers/data/blobs/{path}",
        "at": NOW,
        "data": {
            "api": "RenameFile",
            "destinationUrl": site + quote(path),
            "sourceUrl": site + quote(source),
            "sequencer": "0",
        },
    }
    return {**arguments, **changed}


def test_a_rename_is_read_with_its_old_and_new_name() -> None:
    rename = rename_of(**event())

    assert (rename.account, rename.container, rename.path, rename.source) == ("account", "data", "in/b.csv", "in/a.csv")
    assert (rename.at, rename.is_directory) == (NOW, False)
    assert rename_of(**event(event_type=DIRECTORY_RENAMED)).is_directory


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("in/b c.csv", "in/b c.csv"),
        ("in/b%20c.csv", "in/b%20c.csv"),
        ("ü/ä.csv", "ü/ä.csv"),
        ("a%2520b", "a%2520b"),
        ("dir/", "dir"),
    ],
)
def test_a_name_with_special_characters_is_decoded_once(written: str, meant: str) -> None:
    plain = rename_of(**event(path=written))
    encoded = rename_of(**event(path=written, subject=f"/blobServices/default/containers/data/blobs/{quote(written)}"))

    assert (plain.path, encoded.path) == (meant, meant)


def without(**urls: str | None) -> dict[str, Any]:
    data = {**event()["data"], **urls}
    return {"data": {name: url for name, url in data.items() if url is not None}}


@pytest.mark.parametrize(
    "changed",
    [
        {"event_type": "Microsoft.Storage.BlobCreated"},
        {"topic": "/subscriptions/s"},
        {"subject": "/blobServices/default/containers/data"},
        {"subject": "/blobServices/default/containers/other/blobs/in/b.csv"},
        {"subject": "/blobServices/default/containers/data/blobs/in/c.csv"},
        {"data": None},
        {"data": []},
        without(destinationUrl=None),
        without(destinationUrl="https://account.dfs.core.windows.net/data"),
        without(destinationUrl="https://another.dfs.core.windows.net/data/in/b.csv"),
        without(destinationUrl="https://evil.example/account/data/in/b.csv"),
        without(destinationUrl="https://[::1/data/in/b.csv"),
    ],
)
def test_an_inconsistent_event_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(UnfitEvent):
        rename_of(**event(**changed))


@pytest.mark.parametrize(
    "path", ["../x", "in/../x", "in//x", "./x", "in/.", "a\x00b", "a\nb", "x" * 1100, "in/..", "/x"]
)
def test_an_impossible_path_is_refused(path: str) -> None:
    with pytest.raises(UnfitEvent):
        rename_of(**event(path=path))


@pytest.mark.parametrize(
    "source",
    [None, "https://another.dfs.core.windows.net/data/in/a.csv", "https://account.dfs.core.windows.net/other/a", 7],
)
def test_a_source_in_another_container_or_account_is_ignored(source: Any) -> None:
    assert rename_of(**event(data={**event()["data"], "sourceUrl": source})).source is None


def test_in_the_emulators_urls_the_account_is_part_of_the_path() -> None:
    rename = rename_of(
        **event(
            topic=TOPIC.replace("/account", "/devstoreaccount1"),
            data={"destinationUrl": "http://127.0.0.1:10000/devstoreaccount1/data/in/b.csv"},
        )
    )

    assert (rename.account, rename.path) == ("devstoreaccount1", "in/b.csv")


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=40), st.text(max_size=40))
@settings(max_examples=examples(200))
def test_arbitrary_text_in_an_event_is_refused(topic: str, subject: str, one: str, other: str) -> None:
    for data in (one, {"destinationUrl": one, "sourceUrl": other}):
        with pytest.raises(UnfitEvent):
            rename_of(FILE_RENAMED, topic, subject, NOW, data)


def test_an_events_time_is_limited_to_the_last_25_hours() -> None:
    ages = [timedelta(hours=hours) for hours in (-1, 0, 24, 26, 9999)]

    assert [(NOW - clamped(NOW - age, NOW)) / timedelta(hours=1) for age in ages] == [0, 0, 24, 25, 25]


@pytest.mark.parametrize(
    ("folder", "recursive", "directory", "listed"),
    [
        ("in", True, "in", "in"),
        ("in", False, "in", "in"),
        ("in", True, "in/a", "in/a"),
        ("in", False, "in/a", None),
        ("in/a/b", False, "in", "in/a/b"),
        ("in", True, "input", None),
        ("input", True, "in", None),
        ("", True, "x/y", "x/y"),
        ("", False, "x", None),
        ("in", True, "out", None),
    ],
)
def test_a_directory_is_listed_only_where_it_overlaps_the_watched_folder(
    folder: str, directory: str, listed: str | None, *, recursive: bool
) -> None:
    of = watching(
        f"change: {{datastore: d, container: data, path_on_datastore: '{folder}', recursive: {str(recursive).lower()}}}"
    )

    assert listed_folder(of.trigger, directory) == listed
