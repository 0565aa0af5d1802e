"""What listing costs the sweep, beside the client's own `list_blobs`, and how it grows with the number of blobs.

python -m bench.sweep [blobs ...]     default: 1000 10000 50000; with 200000, filling takes some minutes
"""

import sys
import tempfile
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import urllib3
from azure.storage.blob import BlobServiceClient, ContainerClient, ContainerSasPermissions, generate_container_sas

from bench.measuring import Range, Report, Spent, in_turn, ratio, spent
from local.azurite import Azurite, free_ports
from triggers.storage.blobs import StorageBlobs

ROUNDS = 5
HEADERS = {"x-ms-blob-type": "BlockBlob", "x-ms-version": "2021-08-06"}


def main() -> None:
    sizes = [int(argument) for argument in sys.argv[1:]] or [1_000, 10_000, 50_000]
    report = Report("sweep", ROUNDS)
    rows: list[list[object]] = []
    lines: dict[str, dict[float, float]] = {"this app": {}, "list_blobs": {}}
    with tempfile.TemporaryDirectory() as folder, Azurite(Path(folder), free_ports(3), in_memory=True) as azurite:
        service = BlobServiceClient.from_connection_string(azurite.connection_string)
        container, there = service.create_container("ccc"), 0
        for size in sizes:
            fill(container, there, size)
            there = size
            ways = listings(service, container, size)
            found = in_turn({name: partial(counted, way, size) for name, way in ways.items()}, ROUNDS)
            cpus = {name: [one.cpu / size * 1e6 for one in each] for name, each in found.items()}
            for name, line in lines.items():
                line[size] = Range.of(cpus[name]).median
            beside = ratio(cpus["this app"], cpus["list_blobs"])
            medians = [Range.of(each).median for each in cpus.values()]
            rows.append([f"{size:,} blobs", *medians, beside, peak(ways["this app"]) / 1e6])
    columns = ["CPU, µs a blob", *ways, "here ÷ list_blobs", "memory here, MB"]
    report.table("sweep", columns, rows)
    report.curve("sweep", "blobs", "CPU, µs a blob", lines)
    report.figure(f"A blob in a listing of {sizes[-1]:,}", "the client's list_blobs", beside, 0.1)
    report.close()


def fill(container: ContainerClient, first: int, last: int) -> None:
    """Upload blobs with plain requests: the client would take three times as long."""
    key = container.credential.account_key
    until = datetime.now(UTC) + timedelta(hours=2)
    may = ContainerSasPermissions(create=True, write=True)
    sas = generate_container_sas("devstoreaccount1", "ccc", key, permission=may, expiry=until)
    pool = urllib3.PoolManager(maxsize=8)

    def upload(number: int) -> None:
        url = f"{container.url}/in/{number:07}.csv?{sas}"
        assert pool.request("PUT", url, body=b"1", headers=HEADERS).status == 201

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(upload, range(first, last)))


def listings(service: BlobServiceClient, container: ContainerClient, size: int) -> dict[str, Callable[[], int]]:
    """The ways to list the folder, each of which returns how many blobs it saw."""
    blobs = StorageBlobs(lambda connection: service)

    def ours() -> int:
        found, continuation = 0, None
        while True:
            page = blobs.page("x", "ccc", "in", recursive=True, continuation=continuation)
            found, continuation = found + len(page.blobs), page.continuation
            if continuation is None:
                return found

    return {
        "this app": ours,
        "list_blobs": lambda: sum(1 for _ in container.list_blobs("in/")),
        "list_blob_names": lambda: sum(1 for _ in container.list_blob_names(name_starts_with="in/")),
    }


def counted(listing: Callable[[], int], size: int) -> Spent:
    def checked() -> None:
        assert listing() == size

    return spent(checked)


def peak(listing: Callable[[], int]) -> float:
    """Bytes of memory that a listing takes at most."""
    tracemalloc.start()
    listing()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most


if __name__ == "__main__":
    main()
