"""What `expect` may contain: deadlines, and globs that a file can match."""

import pytest
from builders import CHANGE, TIME, file_of, sentences, watching

from triggers.scheduling.config import ChangeSchedule

FOLDER = "change: {datastore: d, container: ccc, data_path: folder, recursive: true, data_path_parameter_name: input"


def faults(batch: str, change: str = "", more: str = "") -> list[str]:
    """The errors of a schedule that expects a set, without the schedule's name."""
    found = sentences(file_of(f"{FOLDER}{change}}}\nbatch: {{{batch}}}\n{more}"))
    return [one.removeprefix("schedules.s.") for one in found]


def test_a_complete_set_has_other_defaults_than_a_plain_batch() -> None:
    plain, a_set = (watching(f"{FOLDER}}}\nbatch: {{{keys}}}").batch for keys in ("", "expect: 3"))

    assert plain is not None
    assert a_set is not None
    assert [f"{one.quiet} {one.max_wait}" for one in (plain, a_set)] == ["0:05:00 0:30:00", "0:00:00 6:00:00"]
    assert a_set.expect is not None
    assert (a_set.expect.number, a_set.expect.starts_incomplete, str(a_set.expect.zone)) == (3, True, "UTC")


@pytest.mark.parametrize(
    ("batch", "fault"),
    [
        ("expect: 0", "batch.expect: expected a whole number from 1 to 1000000"),
        ("expect: []", "batch.expect: an empty list expects nothing; leave the key out"),
        ("expect: a.csv", "batch.expect: expected a whole number or a list; write [a.csv]"),
        ("expect: '3'", 'batch.expect: expected a whole number or a list; write ["3"]'),
        ("expect: {a: b}", "batch.expect: expected a whole number or a list"),
        ('expect: ["[b-a]"]', "batch.expect[0]: [b-a]: b-a runs backwards"),
        ("expect: 3, max_items: 5",
            "batch.max_items: cannot be combined with expect, which says when the batch is complete"),
        ("expect: 3, max_wait: 1h, expect_by: '06:00'",
            "batch.expect_by: and max_wait are both deadlines; keep one of them"),
        ("expect: 3, max_wait: 0s", "batch.max_wait: leaves no time for the other files of a set"),
        ("expect: 3, expect_by: '6 am'", "batch.expect_by: expected hh:mm from 00:00 to 23:59"),
        ("expect: 3, time_zone: Europe/Riga",
            "batch.time_zone: goes with expect_by, which is missing"),
        ("expect: 3, incomplete: wait", "batch.incomplete: expected one of start, skip"),
        ("expect_by: '06:00'", "batch.expect_by: needs the key expect, which says which files complete the batch"),
        ("incomplete: skip", "batch.incomplete: needs the key expect, which says which files complete the batch"),
        ("expect: 3, quiet: 7h", "batch.max_wait: is shorter than quiet (7h)"),
        ("expect: [a/b.csv], group_by: folder", "batch.expect[0]: is matched against file names in one folder "
            "(group_by: folder), which contain no slash"),
        ("expect: [_SUCCESS]", "batch.expect[0]: is an empty file, but min_size 1 excludes it; "
            "write min_size: 0 in change"),
    ],
)  # fmt: skip
def test_an_invalid_expect_is_one_error(batch: str, fault: str) -> None:
    [said] = faults(batch)

    assert said.startswith(fault)


def test_an_expected_glob_that_the_filters_exclude_is_an_error() -> None:
    sentence = "batch.expect[1]: can never match: change.include and change.exclude leave out every such file"

    assert faults("expect: [a.csv, b.json]", ", include: ['**/*.csv']")[0].startswith(sentence)
    assert faults("expect: [a.csv, b.json], group_by: folder", ", exclude: ['**/*.json']")[0].startswith(sentence)
    assert faults("expect: [a.csv, b.json]", ", include: ['*.csv', '*.json']") == []


def test_without_recursive_an_expected_glob_in_a_subfolder_is_an_error() -> None:
    keys = FOLDER.replace("recursive: true", "recursive: false")
    [said] = sentences(file_of(f"{keys}}}\nbatch: {{expect: ['a/*.csv']}}"))

    assert said.startswith("schedules.s.batch.expect[0]: can never match:")
    assert "and recursive is false" in said


def test_batch_missing_is_available_only_if_globs_are_expected() -> None:
    text = "tags: {lacks: '{batch.missing}'}"

    assert faults("expect: [a.csv]", more=text) == []
    for batch in ("expect: 3", "quiet: 1m"):
        [said] = faults(batch, more=text)
        assert said.startswith("tags.lacks: {batch.missing} is not a template name in this kind of schedule")


@pytest.mark.parametrize(
    ("keys", "where"),
    [
        (f"{CHANGE}\nexpect: 3", "schedules.s.expect: unknown key; it belongs in batch"),
        (f"{TIME}\nmax_items: 3", "schedules.s.max_items: unknown key; it belongs in batch"),
        (f"{FOLDER}, expect_by: '06:00'}}", "schedules.s.change.expect_by: unknown key"),
    ],
)
def test_the_error_for_a_misplaced_key_says_where_it_belongs(keys: str, where: str) -> None:
    assert any(one.startswith(where) for one in sentences(file_of(keys)))


def test_a_batch_in_defaults_may_expect_a_set() -> None:
    found = watching(f"{FOLDER}}}", top="defaults: {batch: {expect: 2, expect_by: '6:05', time_zone: Europe/Riga}}")

    assert isinstance(found, ChangeSchedule)
    assert found.batch is not None
    assert found.batch.expect is not None
    assert (str(found.batch.expect.by), found.batch.expect.number) == ("06:05:00", 2)
