from collections.abc import Iterator
from pathlib import Path

import pytest

from local.azureml import AzureMl
from local.azurite import Azurite, free_ports


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """Real blobs, queues and tables, in a folder of this test run."""
    folder: Path = tmp_path_factory.mktemp("azurite")
    with Azurite(folder, free_ports(3)) as running:
        yield running


@pytest.fixture
def azureml() -> Iterator[AzureMl]:
    """The Azure ML stand-in, over real HTTP."""
    with AzureMl() as running:
        yield running
