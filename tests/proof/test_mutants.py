"""What counts as a mutant of the engine, and that the list of explained survivors matches the code."""

from proof.mutants import CORE, ROOT, explanations, places_in, sampled

SOURCE = '''
"""A module that says: 1 + 1 == 2."""

_TRIES: Final = 2

@dataclass(frozen=True)
class One:
    at: int | None = None

    def said(self, first: int | None, *, second: bool = False) -> int | None:
        """Whether first < 2."""
        assert first is not None
        if first < 2 and not self.at:
            return first + 30
        if first == 7:
            log.info("told %s", 1 + 1)
        return self.waited(seconds=1)[0]
'''


def test_mutants_change_behavior_and_no_log_lines_or_docstrings() -> None:
    lines = SOURCE.splitlines()
    changes = {(lines[one.line - 1].strip(), one.operator) for one in places_in("module.py", SOURCE)}

    assert changes == {
        ("if first < 2 and not self.at:", "Lt_LtE"),
        ("if first < 2 and not self.at:", "Lt_GtE"),
        ("if first < 2 and not self.at:", "Delete_Not"),
        ("if first < 2 and not self.at:", "AddNot"),
        ("if first < 2 and not self.at:", "ReplaceAndWithOr"),
        ("if first < 2 and not self.at:", "NumberReplacer"),
        ("return first + 30", "Add_Sub"),
        ("return self.waited(seconds=1)[0]", "NumberReplacer"),
    }


def test_a_sample_depends_on_its_seed_only_and_has_each_place_once() -> None:
    file = "triggers/starting/settling.py"
    places = list(places_in(file, (ROOT / file).read_text()))
    first, again, other = (list(sampled(places, 10, seed)) for seed in (1, 1, 2))

    assert first == again != other
    assert len({one.code for one in first}) == 10


def test_every_explained_survivor_is_still_a_mutant_of_the_core_code() -> None:
    unknown = set(explanations())
    for file in CORE:
        before = {change[1] for change in unknown if change[0] == file}
        source = (ROOT / file).read_text()
        lines = [line.strip() for line in source.splitlines()]
        places = [one for one in places_in(file, source) if lines[one.line - 1] in before]
        for mutant in sampled(places, len(places), 0):
            unknown -= {mutant.change, (mutant.file, mutant.before, "")}

    assert unknown == set()
    assert all(len(because) > 20 for because in explanations().values())
