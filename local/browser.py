"""The machine's installed Chromium, for the dashboard's tests and pictures; nothing is downloaded."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium() -> str | None:
    """The path of the browser; None if there is none."""
    return next((found for name in _NAMES if (found := shutil.which(name))), None)


@contextmanager
def started(executable: str) -> Iterator[Browser]:
    """A browser without a window; as root also without its sandbox, which would not start."""
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=arguments)
        try:
            yield browser
        finally:
            browser.close()
