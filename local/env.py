"""Prints the settings of `make run` and `make demo` for a shell: eval "$(python -m local.env)"."""

import shlex
import sys

from .azurite import CHECKOUT
from .demo import PORTS
from .machine import Machine

if __name__ == "__main__":
    for name, value in Machine(CHECKOUT / ".local", PORTS).app_settings.items():
        sys.stdout.write(f"export {name}={shlex.quote(value)}\n")
