"""The signed-in user, from the header x-ms-client-principal of App Service authentication.

https://learn.microsoft.com/azure/app-service/configure-authentication-user-identities
"""

import msgspec
from msgspec import Struct

from ..steering.questions import Text


class _Claim(Struct, frozen=True):
    typ: object = None
    val: object = None


class _Principal(Struct, frozen=True, kw_only=True):
    claims: list[_Claim] = []
    name_typ: object = None


def name_of(principal: bytes) -> str | None:
    """The name of the signed-in user; None if there is none. Raises msgspec.MsgspecError, RecursionError."""
    found = msgspec.json.decode(principal, type=_Principal)
    claims = {one.typ: one.val for one in found.claims if isinstance(one.typ, str) and one.val}
    names = (str(found.name_typ), "preferred_username", "name")
    name = next((claims[one] for one in names if one in claims), None)
    return None if name is None else msgspec.convert(name, Text)
