"""The HTTP functions: they parse requests and return answers and errors as JSON.

When the app starts, only what is needed to register the functions is imported; the rest with the first request.
"""

import base64
import binascii
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import azure.functions as func

from .app import App

if TYPE_CHECKING:
    from .web.route import Asked, Body, Query, Route

TABLE: Final = (
    ("api_health", "GET", "health"),
    ("api_openapi", "GET", "openapi.json"),
    ("api_dashboard", "GET", "dashboard"),
    ("api_schedules", "GET", "schedules"),
    ("api_schedule", "GET", "schedules/{schedule}"),
    ("api_trigger", "POST", "schedules/{schedule}/trigger"),
    ("api_submit", "POST", "schedules/{schedule}/submit"),
    ("api_explain", "GET", "schedules/{schedule}/explain"),
    ("api_pause", "POST", "schedules/{schedule}/pause"),
    ("api_resume", "POST", "schedules/{schedule}/resume"),
    ("api_backfill", "POST", "schedules/{schedule}/backfill"),
    ("api_runs", "GET", "runs"),
    ("api_run", "GET", "runs/{key}"),
    ("api_replay", "POST", "runs/{key}/replay"),
    ("api_cancel", "POST", "runs/{key}/cancel"),
)
"""Function, method and route. Kept short because every cold start reads it; `web/routes.py` holds the rest."""

_HEADERS: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_RETRY_AFTER: Final = "5"

log = logging.getLogger(__name__)


def register(functions: func.FunctionApp, app: App) -> None:
    """Add one function per route and method, so that each can have its own keys."""
    for name, method, route in TABLE:
        # The page itself holds no data and asks for a key; all that it shows comes from the other functions.
        level = func.AuthLevel.ANONYMOUS if name == "api_dashboard" else func.AuthLevel.FUNCTION
        decorate = functions.route(
            route=route, methods=[func.HttpMethod[method]], auth_level=level, trigger_arg_name="req"
        )
        functions.function_name(name)(decorate(_function(app, name)))


def _function(app: App, name: str) -> Callable[[func.HttpRequest], func.HttpResponse]:
    def answer(req: func.HttpRequest) -> func.HttpResponse:
        if name == "api_health":
            from .web.health import health

            told = health(app)
            return _json(told, 200 if told.status == "ok" else 503)
        if name == "api_openapi":
            from .web.openapi import document

            return _json(document(), 200)
        if name == "api_dashboard":
            from .web.dashboard import page

            return page()
        return _answered(app, name, req)

    return answer


def _answered(app: App, name: str, req: func.HttpRequest) -> func.HttpResponse:
    from .ledger.rows import CorruptRow
    from .settings import StoreUnavailable
    from .steering.declined import Declined
    from .web.routes import ROUTES

    route = next(one for one in ROUTES if one.function == name)
    try:
        asked = _read(route, req, auth=app.settings.has_app_service_authentication)
        answered = route.handle(app.engine.steering, asked)
    except Declined as error:
        return _json({"error": str(error), **error.facts}, error.status)
    except CorruptRow as error:
        log.exception("%s cannot be answered", name, extra={"action": "corrupt_row"})
        return _json({"error": str(error)}, 500)
    except StoreUnavailable as error:
        log.warning("%s cannot be answered: %s", name, error)
        return _json({"error": str(error)}, 503)
    return _json(answered.body, answered.status, answered.location)


def _read(route: "Route[Body, Query, Any]", req: func.HttpRequest, *, auth: bool) -> "Asked[Body, Query]":
    """The parts of a request, checked; raises BadInput and TooLarge."""
    from urllib.parse import unquote

    from msgspec import structs

    from .scheduling.replacing import replace

    names, params = list(req.route_params.values()), dict(req.params)
    params.pop("code", None)  # a key in the URL is for the host
    # Names contain no percent sign, so a name with one was not decoded by the host.
    asked = route.asked(unquote(names[0]) if names else "", req.get_body(), params)
    asked = replace(asked, request_id=req.headers.get("Idempotency-Key"))
    if auth and "by" in route.body.__struct_fields__:
        # The signed-in user counts, not what the body claims.
        return replace(asked, body=structs.replace(asked.body, by=_principal(req)))
    return asked


def _principal(req: func.HttpRequest) -> str | None:
    """The signed-in user, or None. Only for App Service authentication: without it, anyone could send the header."""
    import msgspec

    from .web.principal import name_of

    try:
        return name_of(base64.b64decode(req.headers.get("x-ms-client-principal", ""), validate=True))
    except (binascii.Error, ValueError, RecursionError, msgspec.MsgspecError):
        return None


def _json(answer: Any, status: int, location: str | None = None) -> func.HttpResponse:
    import msgspec

    headers = {**_HEADERS, "Retry-After": _RETRY_AFTER} if status == 202 else dict(_HEADERS)
    if location is not None:
        headers["Location"] = f"/api/{location}"
    return func.HttpResponse(
        msgspec.json.encode(answer), status_code=status, mimetype="application/json", headers=headers
    )
