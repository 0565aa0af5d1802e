"""`replace` for msgspec structs; unlike msgspec's own signature, its names and types of fields are checked by mypy."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import replace
else:
    from msgspec.structs import replace

__all__ = ["replace"]
