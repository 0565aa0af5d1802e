"""There are as many storage connections as threads, so none is opened, used once and discarded."""

import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from local.azurite import Azurite
from triggers.app import App
from triggers.settings import read

THREADS = 24


@pytest.mark.parametrize("store", ["the ledger", "blobs"])
def test_the_connection_pool_is_never_full(
    azurite: Azurite, tmp_path: Path, caplog: pytest.LogCaptureFixture, store: str
) -> None:
    caplog.set_level(logging.WARNING, "urllib3.connectionpool")
    app = App(read({"AzureWebJobsStorage": azurite.connection_string}), tmp_path)
    ledger, blobs = app.engine.ledger, app.blobs
    ledger.ledger_id()
    together = Barrier(THREADS)

    def ask(number: int) -> None:
        for turn in range(4):
            together.wait(60)
            if store == "blobs":
                blobs.host("AzureWebJobsStorage")
                blobs.of("AzureWebJobsStorage", "none", f"{number}-{turn}")
            else:
                ledger.get(f"s!{number}-{turn}")

    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(ask, range(THREADS)))

    assert "pool is full" not in caplog.text
