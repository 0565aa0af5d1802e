"""Runs mutants of the engine: each is one small change of its code that a test or the simulator must detect.

`make mutants` runs a sample that changes daily unless a seed is given. Each mutant runs the tests that cover its line,
until one fails. If none fails, it runs eight seeds of the simulator.
"""

import argparse
import ast
import os
import random
import resource
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import chain, islice
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from typing import Any

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator
from coverage import CoverageData

ROOT = Path(__file__).parents[2]
EXPLAINED = Path(__file__).with_name("surviving_mutants.toml")
CORE = (
    "triggers/ledger/ledger.py",
    "triggers/reconciling/unknown_runs.py",
    "triggers/starting/due_occurrences.py",
    "triggers/starting/firing.py",
    "triggers/starting/settling.py",
    "triggers/starting/submitting.py",
)
"""Claim, settle, look-up and mark. Every survivor here needs an explanation."""
ENGINE = (
    "triggers/ledger/*.py",
    "triggers/reconciling/*.py",
    "triggers/starting/*.py",
    "triggers/scheduling/backlog.py",
    "triggers/scheduling/batch.py",
    "triggers/scheduling/change.py",
    "triggers/scheduling/identities.py",
    "triggers/scheduling/overlap.py",
    "triggers/scheduling/pauses.py",
    "triggers/scheduling/policies.py",
    "triggers/scheduling/run.py",
    "triggers/scheduling/run_request.py",
    "triggers/azureml/outcomes.py",
    "triggers/azureml/run_history.py",
)
ELSEWHERE = {"triggers/ledger/azure_table.py", "triggers/ledger/calls.py", "triggers/ledger/table_writes.py"}
"""Covered only by tests with the storage emulator, which are not run against mutants."""
OPERATORS = (
    *("Eq_NotEq", "NotEq_Eq", "Lt_LtE", "Lt_GtE", "LtE_Lt", "LtE_Gt", "Gt_GtE", "Gt_LtE", "GtE_Gt", "GtE_Lt"),
    *("Is_IsNot", "IsNot_Is"),
    *("Add_Sub", "Sub_Add", "Mul_Div", "Div_Mul", "Mod_Mul", "FloorDiv_Mul", "BitOr_BitAnd", "BitAnd_BitOr"),
    *("Delete_Not", "USub_UAdd", "AddNot", "ReplaceTrueWithFalse", "ReplaceFalseWithTrue"),
    *("ReplaceAndWithOr", "ReplaceOrWithAnd", "ReplaceBreakWithContinue", "ReplaceContinueWithBreak"),
    *("ExceptionReplacer", "NumberReplacer", "ZeroIterationForLoop"),
)
KINDS = {
    **dict.fromkeys(OPERATORS[:12], "ReplaceComparisonOperator_"),
    **dict.fromkeys(OPERATORS[12:20], "ReplaceBinaryOperator_"),
    **dict.fromkeys(OPERATORS[20:22], "ReplaceUnaryOperator_"),
}
PLACES = {"0", "1", "2"}
"""Numbers used for counting. Others are durations or sizes, where one more or less makes no difference."""
ENOUGH = 0.85
SIMULATED = [f"tests/proof/test_simulation.py::test_twenty_thousand_faults_start_no_run_twice_and_lose_none[{first}]"
             for first in (0, 4)]  # fmt: skip
PYTEST = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-o", "addopts=")
FAST = "not azurite and not machine and not browser and not simulation and not proof"
TIMEOUTS = ("-o", "faulthandler_timeout=60", "-o", "faulthandler_exit_on_timeout=true")
LONGEST = 900.0
"""Time limit in seconds for all tests of one mutant."""
MEMORY = 6 << 30
"""Memory limit in bytes, because an endless loop must not exhaust the machine."""


@dataclass(frozen=True)
class Place:
    """One possible change: where in the file, and how."""

    file: str
    line: int
    column: int
    operator: str
    number: int
    """Index among the places of its operator in the file."""

    def mutant(self) -> "Mutant | None":
        """The changed file; None if the operator changes nothing."""
        source = (ROOT / self.file).read_text()
        try:
            code = mutate_code(source, operator_of(self.operator), self.number)
        except AttributeError:  # cosmic-ray 8.7 knows no dotted name after `except`
            return None
        if code is None or not _compiles(code):
            return None
        lines = zip(source.splitlines(), code.splitlines(), strict=False)
        before, after = next((old.strip(), new.strip()) for old, new in lines if old != new)
        return Mutant(self.file, self.line, before, after, code)


@dataclass(frozen=True)
class Mutant:
    """One change of one file."""

    file: str
    line: int
    """From 1."""
    before: str
    after: str
    """The line's text."""
    code: str
    """The whole file with the change."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.before}  →  {self.after}"

    @property
    def change(self) -> tuple[str, str, str]:
        """Identifies the mutant in the list of survivors, without the line number, which may change."""
        return self.file, self.before, self.after


def operator_of(name: str) -> Any:
    """Return the cosmic-ray operator with a short name."""
    return get_operator(f"core/{KINDS.get(name, '')}{name}")()


def places_in(file: str, source: str) -> Iterator[Place]:
    """Where a file can be changed, excluding types, decorators, log lines and assertions."""
    tree, left_out = get_ast(source), _left_out(ast.parse(source))
    for name in OPERATORS:
        operator = operator_of(name)
        found = ((node, begin) for node in ast_nodes(tree) for begin, _ in operator.mutation_positions(node))
        for number, (node, (line, column)) in enumerate(found):
            if line not in left_out and _means_something(name, node):
                yield Place(file, line, column, name, number)


def _means_something(operator: str, node: Any) -> bool:
    """False for changes without effect: a duration one second longer, or the star before keyword-only parameters."""
    if operator == "NumberReplacer":
        return node.value in PLACES and node.parent.type != "argument"
    return not (node.type == "operator" and node.parent.type == "parameters")


def _compiles(code: str) -> bool:
    try:
        compile(code, "mutant", "exec")
    except SyntaxError:
        return False
    return True


def _left_out(tree: ast.Module) -> set[int]:
    """The lines of annotations, decorators, log calls and their conditions, assertions and docstrings."""
    parts: list[ast.AST] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            parts += [one.annotation for one in ast.walk(node.args) if isinstance(one, ast.arg) and one.annotation]
            parts += [node.returns] if node.returns else []
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            parts += node.decorator_list
        if isinstance(node, ast.Assert | ast.AnnAssign) or _is_said(node):
            parts.append(node)
        if isinstance(node, ast.If) and not node.orelse and all(_is_said(one) for one in node.body):
            parts.append(node.test)
    spans = [
        range(one.lineno, (one.end_lineno or one.lineno) + 1) for one in parts if isinstance(one, ast.stmt | ast.expr)
    ]
    return set(chain.from_iterable(spans))


def _is_said(node: ast.AST) -> bool:
    """True for a docstring, and for a log call with its arguments."""
    if isinstance(node, ast.Assign):
        return ast.unparse(node.targets[0]) == "extra"
    if not isinstance(node, ast.Expr):
        return False
    called = ast.unparse(node.value.func) if isinstance(node.value, ast.Call) else ""
    return called == "log_run" or called.startswith("log.") or isinstance(node.value, ast.Constant)


def sampled(places: Sequence[Place], number: int, seed: int) -> Iterator[Mutant]:
    """Draw mutants; no place twice while there are unused ones."""
    shuffled = random.Random(seed).sample(list(places), len(places))
    first = list({(one.file, one.line, one.column): one for one in shuffled}.values())
    others = [one for one in shuffled if one not in first]
    return islice((one for place in [*first, *others] if (one := place.mutant())), number)


@dataclass(frozen=True)
class Tests:
    """Which tests run which lines."""

    by_line: Mapping[str, Mapping[int, frozenset[str]]]
    """File → line → tests."""

    def of(self, mutant: Mutant) -> list[str]:
        """The tests that cover a mutant's line, its folder's first; for a line run on import, those of its file."""
        lines = self.by_line.get(mutant.file, {})
        statement = _statement_at(mutant)
        tests = frozenset[str]().union(*(lines.get(line, ()) for line in statement))
        near = f"tests/{Path(mutant.file).parent.name}/"
        return sorted(tests or frozenset[str]().union(*lines.values()), key=lambda one: (not one.startswith(near), one))


def _statement_at(mutant: Mutant) -> range:
    """The lines of the innermost statement (only the head of a compound one) up to the mutant's line."""
    around = [
        node
        for node in ast.walk(ast.parse(mutant.code))
        if isinstance(node, ast.stmt) and node.lineno <= mutant.line <= (node.end_lineno or node.lineno)
    ]
    return range(max((node.lineno for node in around), default=mutant.line), mutant.line + 1)


def measured(folder: Path) -> Tests:
    """Run the fast tests once, without a mutant, and record which test covers which line."""
    command = (
        *PYTEST,
        "-q",
        "-m",
        FAST,
        "-n",
        str(os.cpu_count()),
        "--cov=triggers",
        "--cov-context=test",
        "--cov-report=",
    )
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"The tests fail without a mutant:\n{done.stdout[-4000:]}")
    data = CoverageData(str(folder / ".coverage"))
    data.read()
    return Tests(
        {
            Path(name).relative_to(folder).as_posix(): {
                line: frozenset(one.partition("|")[0] for one in contexts if one)
                for line, contexts in data.contexts_by_lineno(name).items()
            }
            for name in data.measured_files()
        }
    )


def played(mutant: Mutant, tests: Tests, folders: "SimpleQueue[Path]") -> str | None:
    """What detected the mutant: tests or the simulator; None if it survived."""
    folder = folders.get()
    path = folder / mutant.file
    source = path.read_text()
    try:
        path.write_text(mutant.code)
        chosen = tests.of(mutant)
        if chosen and _fails(folder, chosen):
            return "tests"
        return "the simulator" if _fails(folder, SIMULATED) else None
    finally:
        path.write_text(source)
        folders.put(folder)


def _fails(folder: Path, tests: Sequence[str]) -> bool:
    """True if one of these tests fails or does not end."""
    listed = folder / "chosen-tests.txt"
    listed.write_text("\n".join(tests))
    command = (*PYTEST, "-q", "-x", "-p", "no:randomly", *TIMEOUTS, f"@{listed}")
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            timeout=LONGEST,
            preexec_fn=partial(resource.setrlimit, resource.RLIMIT_AS, (MEMORY, MEMORY)),
            check=False,
        )
    except subprocess.TimeoutExpired:
        return True
    return done.returncode != 0


def copies(number: int, below: Path) -> list[Path]:
    """Copies of this tree, because each mutant runs in its own copy."""
    ignored = shutil.ignore_patterns(
        ".venv", ".local", ".git", "__pycache__", ".*_cache", ".hypothesis", "node_modules"
    )
    return [Path(shutil.copytree(ROOT, below / f"copy-{one}", ignore=ignored)) for one in range(number)]


def explanations() -> dict[tuple[str, str, str], str]:
    """(file, line before, line after) → why it may survive; an empty line after matches every change of the line."""
    listed = tomllib.loads(EXPLAINED.read_text())["survivor"]
    return {(one["file"], one["before"], one.get("after", "")): one["because"] for one in listed}


def explanation(mutant: Mutant, known: Mapping[tuple[str, str, str], str]) -> str | None:
    """Why a mutant may survive; None if it is not explained."""
    return known.get(mutant.change) or known.get((mutant.file, mutant.before, ""))


def engine_places(patterns: Iterable[str] = ENGINE) -> list[Place]:
    """Every place of these files, in the files' order."""
    files = sorted({path.relative_to(ROOT).as_posix() for one in patterns for path in ROOT.glob(one)} - ELSEWHERE)
    return [one for file in files for one in places_in(file, (ROOT / file).read_text())]


def report(outcomes: Mapping[Mutant, str | None]) -> bool:
    """Print the survivors with their explanations; False if too many survived, or one of the core is unexplained."""
    known = explanations()
    survivors = [one for one, noticed in outcomes.items() if noticed is None]
    unexplained = [one for one in survivors if one.file in CORE and not explanation(one, known)]
    for one in survivors:
        print(f"survived: {one}\n          {explanation(one, known) or 'not explained'}")
    noticed = len(outcomes) - len(survivors)
    by_tests = sum(one == "tests" for one in outcomes.values())
    print(f"{noticed} of {len(outcomes)} mutants noticed ({noticed / len(outcomes):.1%}), {by_tests} of them by tests")
    if unexplained:
        print(
            f"{len(unexplained)} survivors of claim, settle, look-up and mark have no explanation in {EXPLAINED.name}"
        )
    return noticed >= ENOUGH * len(outcomes) and not unexplained


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=datetime.now(UTC).toordinal(), help="of the sample; else the day")
    parser.add_argument("--number", type=int, default=200, help="how many mutants")
    parser.add_argument("--core", action="store_true", help="all mutants of claim, settle, look-up and mark instead")
    options = parser.parse_args()
    places = engine_places(CORE if options.core else ENGINE)
    mutants = list(sampled(places, len(places) if options.core else options.number, options.seed))
    print(f"{len(mutants)} mutants" + ("" if options.core else f", seed {options.seed}"), flush=True)
    with TemporaryDirectory() as below, ThreadPoolExecutor(os.cpu_count()) as pool:
        trees = copies(os.cpu_count() or 1, Path(below).resolve())
        tests = measured(trees[0])
        folders: SimpleQueue[Path] = SimpleQueue()
        for tree in trees:
            folders.put(tree)
        playing = {pool.submit(played, one, tests, folders): one for one in mutants}
        outcomes: dict[Mutant, str | None] = {}
        for done in as_completed(playing):
            mutant, noticed = playing[done], done.result()
            outcomes[mutant] = noticed
            what = "SURVIVED" if noticed is None else f"noticed by {noticed}"
            print(f"{len(outcomes):4} {what}: {mutant}", flush=True)
    return 0 if report(outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
