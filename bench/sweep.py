"""What listing costs the sweep, against the client's own `list_blobs`, and how memory grows with the number of blobs.

    python -m bench.sweep [blobs ...]     default: 20000 50000; filling takes some minutes

The bar: a quarter of the CPU of `list_blobs` a blob, and no growth of memory beyond a page.
"""

import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from azure.storage.blob import BlobServiceClient, ContainerClient

from local.azurite import Azurite, free_ports
from triggers.storage.blobs import StorageBlobs


def main() -> None:
    sizes = [int(argument) for argument in sys.argv[1:]] or [20_000, 50_000]
    with tempfile.TemporaryDirectory() as folder, Azurite(Path(folder), free_ports(3), in_memory=True) as azurite:
        service = BlobServiceClient.from_connection_string(azurite.connection_string)
        container, there = service.create_container("ccc"), 0
        for size in sizes:
            fill(container, there, size)
            there = size
            measure(service, container, size)


def fill(container: ContainerClient, first: int, last: int) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: container.upload_blob(f"in/{number:07}.csv", b"1"), range(first, last)))


def measure(service: BlobServiceClient, container: ContainerClient, size: int) -> None:
    blobs = StorageBlobs(lambda connection: service)

    def ours(*, recursive: bool) -> int:
        found, continuation = 0, None
        while True:
            page = blobs.page("x", "ccc", "in", recursive=recursive, continuation=continuation)
            found, continuation = found + len(page.blobs), page.continuation
            if continuation is None:
                return found

    deep, flat = cost(lambda: ours(recursive=True), size), cost(lambda: ours(recursive=False), size)
    theirs = cost(lambda: sum(1 for _ in container.list_blobs("in/")), size)
    walked = cost(lambda: sum(1 for _ in container.walk_blobs("in/")), size)
    tracemalloc.start()
    ours(recursive=True)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    print(
        f"{size} blobs: {deep:.1f} µs of CPU a blob, list_blobs {theirs:.1f} ({deep / theirs:.2f} x); a folder's own"
        f" {flat:.1f}, walk_blobs {walked:.1f} ({flat / walked:.2f} x); peak {peak / 1e6:.0f} MB"
    )


def cost(listing: Callable[[], int], size: int) -> float:
    """Microseconds of this process's CPU a blob."""
    started = time.process_time()
    assert listing() == size
    return (time.process_time() - started) / size * 1e6


if __name__ == "__main__":
    main()
