"""Uploads a file of a line into the storage of `make run` or `make demo`.

python -m local.upload azureml-blobstore/incoming/a.csv [TEXT]
"""

import sys
import time
from contextlib import suppress

from azure.core.exceptions import ResourceExistsError, ServiceRequestError
from azure.storage.blob import BlobServiceClient

from .azurite import connection_string
from .demo import PORTS


def main(place: str, text: str | None = None) -> int:
    """Exit code 1 when nothing is running."""
    container, _, path = place.partition("/")
    service = BlobServiceClient.from_connection_string(connection_string(PORTS[2:]), retry_total=0)
    try:
        with suppress(ResourceExistsError):
            service.create_container(container)
        content = text if text is not None else f"uploaded at {time.time():.0f}\n"
        service.get_blob_client(container, path).upload_blob(content, overwrite=True)
    except ServiceRequestError:
        print("The storage emulator is not running: start it with make run", file=sys.stderr)
        return 1
    print(f"Uploaded {place}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
