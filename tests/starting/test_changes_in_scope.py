import hashlib
import json

import pytest
from builders import change, file_of, found, schedule, sentences
from hypothesis import given
from hypothesis import strategies as st

from triggers.blob_schedules import binding_path
from triggers.scheduling.change import normal_etag, out_of_scope, path_out_of_scope
from triggers.scheduling.config import ChangeTrigger
from triggers.scheduling.run_keys import change_key, schedule_of, time_key


def watching(keys: str) -> ChangeTrigger:
    trigger = schedule(f"change: {{datastore: blobs, container: data, {keys}}}").trigger
    assert isinstance(trigger, ChangeTrigger)
    return trigger


@pytest.mark.parametrize(
    ("keys", "path", "watched"),
    [
        ("path_on_datastore: incoming", "incoming/a.csv", True),
        ("path_on_datastore: /incoming/", "incoming/a.csv", True),
        ("path_on_datastore: incoming", "incoming/sub/a.csv", False),
        ("path_on_datastore: incoming", "incoming-old/a.csv", False),
        ("path_on_datastore: incoming", "incoming", False),
        ("path_on_datastore: incoming", "a.csv", False),
        ("recursive: false", "a.csv", True),
        ("recursive: false", "sub/a.csv", False),
        ("recursive: true", "sub/deep/a.csv", True),
        ("recursive: true", "sub/", False),
        ("include: ['*.csv']", "a.csv", True),
        ("include: ['*.csv']", "a.tsv", False),
        ("include: ['*.csv'], recursive: true", "sub/a.csv", False),
        ("include: ['**/*.csv'], recursive: true", "sub/deep/a.csv", True),
        ("include: ['**/*.csv'], recursive: true", "a.csv", True),
        ("include: ['sub/**'], recursive: true", "sub/deep/a.csv", True),
        ("exclude: ['*.tmp', '_*']", "_a.csv", False),
        ("exclude: ['*.tmp', '_*']", "a.csv", True),
        ("include: ['?.csv']", "ab.csv", False),
        ("include: ['[!a-c]*.csv']", "d.csv", True),
        ("include: ['[!a-c]*.csv']", "a.csv", False),
        ("include: ['a+b (1).csv']", "a+b (1).csv", True),
        ("include: ['100%%/x']", "100%/x", False),
        ("recursive: false", "Zoë ✓ %20+#{name}\n\\.csv", True),
    ],
)
def test_a_schedule_watches_the_blobs_that_match_its_keys(keys: str, path: str, *, watched: bool) -> None:
    assert (path_out_of_scope(watching(keys), path) is None) is watched


def test_empty_blobs_and_blobs_of_other_containers_are_out_of_scope() -> None:
    trigger = watching("path_on_datastore: incoming")

    assert out_of_scope(trigger, found(size=1)) is None
    assert out_of_scope(trigger, found(size=0)) == "its 0 bytes are less than min_size 1"
    assert out_of_scope(trigger, found(container="other")) == "it is in the container 'other', not 'data'"
    assert out_of_scope(watching("path_on_datastore: incoming, min_size: 0"), found(size=0)) is None


def test_every_spelling_of_an_etag_is_normalized_to_one() -> None:
    spellings = ['"0x8D"', "0x8D", 'W/"0x8D"']

    assert {normal_etag(etag) for etag in spellings} == {"0x8D"}


def test_a_change_key_is_the_digest_of_host_container_path_and_etag() -> None:
    array = json.dumps(["account.blob.core.windows.net", "data", "incoming/ü.csv", "0x1"], ensure_ascii=False)
    digest = hashlib.sha256(array.replace(", ", ",").encode()).hexdigest()[:32]

    assert change_key("s", change("incoming/ü.csv")) == f"s~{digest}"


@given(st.text(), st.text())
def test_different_paths_versions_and_schedules_have_different_keys(path: str, etag: str) -> None:
    keys = {
        change_key("s", change(path, etag)),
        change_key("s", change(path + "x", etag)),
        change_key("t", change(path, etag)),
    }

    assert len(keys) == 3


def test_the_schedule_can_be_read_from_a_run_key() -> None:
    key = time_key("nightly-1_x", change().last_modified)

    assert key == "nightly-1_x@2026-11-01T04:00:00Z"
    assert schedule_of(key) == "nightly-1_x"
    assert schedule_of(change_key("s", change())) == "s"
    assert schedule_of("s!request@1~2") == "s"


@pytest.mark.parametrize(
    ("folder", "path"),
    [
        ("", "data/{name}"),
        ("incoming", "data/incoming/{name}"),
        ("/in/deep/", "data/in/deep/{name}"),
        ("odd%%x", "data/{name}"),
        ("odd{x}", "data/{name}"),
    ],
)
def test_the_binding_watches_the_folder_unless_its_name_contains_binding_syntax(folder: str, path: str) -> None:
    assert binding_path(watching(f"path_on_datastore: '{folder}'")) == path


def test_a_malicious_file_name_cannot_stall_glob_matching() -> None:
    glob = "*_*_*_*_*_*_*_*.csv"

    assert path_out_of_scope(watching(f"include: ['{glob}']"), "_" * 1000) is not None


@pytest.mark.parametrize(
    ("glob", "problem"),
    [("[z-a]*", "[z-a]: z-a runs backwards"), ("[!]", "[!] contains no character; write one between the brackets")],
)
def test_a_meaningless_glob_is_an_error(glob: str, problem: str) -> None:
    text = file_of(f"change: {{datastore: blobs, container: data, include: ['{glob}']}}")

    assert sentences(text) == [f"schedules.s.change.include[0]: {problem}"]
