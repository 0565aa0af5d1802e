"""Fixtures of the dashboard tests: a browser, and pages that check for errors and policy violations."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import pytest
from playwright.sync_api import Browser, Page, expect

from local.azurite import CHECKOUT, free_ports
from local.browser import chromium, started
from local.machine import Machine

expect.set_options(timeout=60_000)  # next to other load

NewPage: TypeAlias = Callable[[], Page]

LEFT_OUT = "there is no Chromium on this machine: the dashboard's tests are left out (Debian: apt-get install chromium)"

AXE = CHECKOUT / ".local/dashboard-checks/node_modules/axe-core/axe.min.js"
NO_AXE = "axe-core is not installed: its tests are left out (make test and make check install it, with npm)"


@pytest.fixture(scope="module")
def axe() -> str:
    """axe-core's script. If it is missing, tests are skipped, or fail if BROWSER_TESTS is `required`, as in CI."""
    if not AXE.is_file():
        assert os.environ.get("BROWSER_TESTS") != "required", NO_AXE
        pytest.skip(NO_AXE)
    return AXE.read_text("utf-8")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The machine's Chromium. If it is missing, tests are skipped, or fail if BROWSER_TESTS is `required`, as in CI."""
    executable = chromium()
    if executable is None:
        assert os.environ.get("BROWSER_TESTS") != "required", LEFT_OUT
        pytest.skip(LEFT_OUT)
    with started(executable) as running:
        yield running


@contextmanager
def watching_an_inbox(folder: Path, file: str) -> Iterator[Machine]:
    """A machine with these schedules, `nightly` among them, and a file in the inbox; no run ends during a test."""
    (folder / "schedules.yaml").write_text(file)
    settings = {
        "SCHEDULES_FILE": str(folder / "schedules.yaml"),
        "RECONCILE_SCHEDULE": "*/2 * * * * *",
        "BLOB_TRIGGER_SOURCE": "EventGrid",
    }
    with Machine(folder, free_ports(5), settings, run_seconds=3600) as running:
        running.upload("inbox", "a.csv", b"1,2")
        running.wait_until_registered("nightly")
        yield running


@pytest.fixture
def new_page(browser: Browser) -> Iterator[NewPage]:
    """Creates pages in a fresh browser context; in the end, no page may have reported an error."""
    contexts, said = [], []

    def new() -> Page:
        context = browser.new_context(viewport={"width": 1280, "height": 900}, timezone_id="Europe/Berlin")
        context.set_default_timeout(60_000)  # next to other load
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: said.append(f"a dialog: {dialog.message}"))
        page.on("console", lambda told: said.append(told.text) if told.type == "error" else None)
        return page

    yield new
    for context in contexts:
        for page in context.pages:
            page.unroute_all(behavior="ignoreErrors")  # a request may still be on its way
        context.close()
    # The browser itself logs refused requests, which are part of the tests.
    assert [one for one in said if "Failed to load resource" not in one] == []


@pytest.fixture
def page(new_page: NewPage, machine: Machine) -> Page:
    """The live dashboard of the module's machine."""
    page = new_page()
    page.goto(f"{machine.url}/api/dashboard")
    expect(page.locator("#live")).to_contain_text("Live")
    return page
