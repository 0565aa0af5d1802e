"""The dashboard's files, and how they are combined into one answer."""

import base64
import hashlib
import json
import re
from pathlib import Path

import pytest

from local.api_types import api_types
from triggers.scheduling.run import TIMEOUT, RunKind, RunState, SkipReason
from triggers.web.dashboard import FILES, page
from triggers.web.one_script import one_script
from triggers.web.tables import tables

MODULES = sorted(FILES.glob("*.js"))


def joined(folder: Path, **modules: str) -> str:
    """The script made of main.js and its imports."""
    for name, text in modules.items():
        (folder / f"{name}.js").write_text(text)
    return one_script(folder, "main.js")


def test_imported_modules_come_first_and_only_once(tmp_path: Path) -> None:
    script = joined(
        tmp_path,
        main='import { b } from "./b.js";\nimport {\n  c,\n  d,\n} from "./c.js";\nb(c, d);\n',
        b='import { c } from "./c.js";\n/** Of b. */\nexport const b = () => c;\n',
        c="export function c() {}\nexport async function d() {}\nconst e = 1;\n",
    )

    assert script.split("\n\n") == [
        "function c() {}\nasync function d() {}\nconst e = 1;",
        "/** Of b. */\nconst b = () => c;",
        "b(c, d);\n",
    ]


@pytest.mark.parametrize(
    "line",
    [
        'import * as b from "./b.js";',
        'import b from "./b.js";',
        'import "./b.js";',
        "import { b } from './b.js';",
        'import { b } from "../b.js";',
        'import { b } from "https://example.com/b.js";',
        '  import { b } from "./b.js";',
        'const b = await import("./b.js");',
        "const b = import.meta.url;",
        "export default 1;",
        "export { b };",
        'export * from "./b.js";',
        "export let [b] = [1];",
        "/* Not here. */ export const b = 1;",
    ],
)
def test_other_forms_of_import_and_export_are_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(ValueError, match=r"^main\.js: "):
        joined(tmp_path, main=f"{line}\n", b="export const b = 1;\n")


def test_imports_in_comments_are_ignored(tmp_path: Path) -> None:
    comments = '// To import is to know.\n/** @import { B } from "./b.js" */\n/*\n * export const b = 1;\n */\n'

    assert joined(tmp_path, main=comments) == comments


def test_a_name_that_is_not_exported_cannot_be_imported(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^main\.js imports b, c, which b\.js does not export$"):
        joined(tmp_path, main='import { a, b, c } from "./b.js";\n', b="export let a = 1;\nconst b = 1;\n")


def test_an_import_that_renames_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"which b\.js does not export"):
        joined(tmp_path, main='import { b as c } from "./b.js";\n', b="export const b = 1;\n")


def test_two_modules_cannot_declare_the_same_name(tmp_path: Path) -> None:
    main = 'import { b } from "./b.js";\nimport { c } from "./c.js";\n'

    with pytest.raises(ValueError, match=r"^own is declared in b\.js and in c\.js;"):
        joined(
            tmp_path,
            main=main,
            b="export const b = 1;\nfunction own() {}\n",
            c="export const c = 1;\nconst own = 1;\n",
        )


def test_modules_that_import_each_other_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^main\.js imports b\.js imports main\.js: neither can come first$"):
        joined(
            tmp_path,
            main='import { b } from "./b.js";\nexport const a = b;\n',
            b='import { a } from "./main.js";\nexport const b = a;\n',
        )


def test_the_policy_names_the_script_and_the_style_that_are_served() -> None:
    answer = page()

    content = answer.get_body().decode()
    policy = dict(rule.split(" ", 1) for rule in answer.headers["Content-Security-Policy"].split("; "))
    for tag in ("script", "style"):
        [text] = re.findall(f"<{tag}>(.*?)</{tag}>", content, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert policy[f"{tag}-src"] == f"'sha256-{digest}'"
        assert "<!--" not in text
    elements = re.findall(r"<(script|style|link)\b([^>]*)>", content)
    assert [(tag, rest.partition(" href")[0]) for tag, rest in elements] == [
        ("link", ' rel="icon"'),
        ("style", ""),
        ("script", ' type="application/json" id="tables"'),
        ("script", ""),
    ]


def test_tables_shared_with_the_app_are_embedded_as_data() -> None:
    content = page().get_body().decode()
    [text] = re.findall('<script type="application/json" id="tables">(.*?)</script>', content)

    assert json.loads(text) == tables()
    assert "<" not in text
    assert re.findall(r"@property \{.*\} (\w+)", (FILES / "tables.js").read_text()) == list(tables())


def test_the_page_has_words_for_every_state_reason_and_kind() -> None:
    assert set(tables()["states"]) == {one.value for one in RunState}
    assert set(tables()["reasons"]) == {one.value for one in SkipReason} | {TIMEOUT}
    assert set(tables()["kinds"]) == {one.value for one in RunKind}


def test_every_state_has_a_color() -> None:
    style = (FILES / "style.css").read_text()

    assert [one.value for one in RunState if not re.search(rf"\.s-{one.value}\b[^{{]*\{{ --c:", style)] == []


def test_the_api_types_of_the_page_match_the_app() -> None:
    assert (FILES / "api_types.js").read_text() == api_types(), "python -m local.api_types regenerates them"


def test_every_module_is_part_of_the_script_or_contains_only_types() -> None:
    content = page().get_body().decode()
    left_out = [one.name for one in MODULES if one.read_text().partition("\n")[0] not in content]

    assert left_out == ["api_types.js"]
    assert not re.search(r"^[^/ \n]", (FILES / "api_types.js").read_text(), re.MULTILINE)


def test_every_export_is_imported() -> None:
    texts = {one.name: one.read_text() for one in MODULES}
    imports = re.findall(r'^import \{([^}]*)\} from "\./(.*)";', "\n".join(texts.values()), re.MULTILINE)
    imported = {(module, name) for names, module in imports for name in re.findall(r"[\w$]+", names)}
    declared = re.compile(r"^export (?:async function|function|class|const|let) ([\w$]+)", re.MULTILINE)
    exported = {(module, name) for module, text in texts.items() for name in declared.findall(text)}

    assert exported == imported


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_a_module_is_short_and_begins_with_its_purpose(module: Path) -> None:
    lines = module.read_text().splitlines()

    assert len(lines) <= 300
    assert lines[0].startswith("// ")
