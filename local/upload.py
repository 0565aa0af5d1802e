"""Uploads a file into the storage of `make run`.

make upload FILE=a.csv [TO=container/folder]
python -m local.upload a.csv [--to container/folder] [--text TEXT]
"""

import argparse
import sys
import urllib.error
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError, ServiceRequestError
from azure.storage.blob import BlobServiceClient

from .azurite import connection_string
from .demo import PORTS
from .machine import Machine


def main(arguments: Sequence[str] | None = None) -> int:
    """Upload the file; returns 1 if nothing is running or the file does not exist."""
    parser = argparse.ArgumentParser(prog="python -m local.upload", description="Uploads into the storage of make run.")
    parser.add_argument("file", metavar="FILE", help="the file; with --text, only its name is used")
    parser.add_argument(
        "--to", metavar="CONTAINER/FOLDER", help="default: the folder that the first change-based schedule watches"
    )
    parser.add_argument("--text", metavar="TEXT", help="the content of the file, instead of a file on this machine")
    options = parser.parse_args(arguments)
    try:
        content = Path(options.file).read_bytes() if options.text is None else options.text.encode()
        place = options.to or _watched(f"http://127.0.0.1:{PORTS[0]}/api/schedules")
        container, _, folder = place.strip("/").partition("/")
        path = "/".join(filter(None, (folder, Path(options.file).name)))
        _upload(container, path, content, make=options.to is None)
    except (ServiceRequestError, urllib.error.URLError):
        print("Nothing is running: start it with make run", file=sys.stderr)
        return 1
    except ResourceNotFoundError:
        print(f"there is no container {container!r}; use --to CONTAINER/FOLDER", file=sys.stderr)
        return 1
    except FileNotFoundError:
        print(f"there is no file {options.file}", file=sys.stderr)
        return 1
    except (OSError, LookupError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Uploaded {container}/{path}")
    return 0


def _watched(url: str) -> str:
    """The folder that the app's first change-based schedule watches; raises LookupError if there is none."""
    for one in Machine.get(url)["schedules"]:
        if change := one["trigger"].get("change"):
            return f"{change['container']}/{change.get('path_on_datastore') or ''}".rstrip("/")
    raise LookupError("no schedule of the running app watches a folder; choose one with --to")


def _upload(container: str, path: str, content: bytes, *, make: bool) -> None:
    service = BlobServiceClient.from_connection_string(connection_string(PORTS[2:]), retry_total=0)
    if make:
        with suppress(ResourceExistsError):
            service.create_container(container)
    service.get_blob_client(container, path).upload_blob(content, overwrite=True)


if __name__ == "__main__":
    sys.exit(main())
