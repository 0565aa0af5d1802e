"""HTTP functions: what the app says about itself. They only translate; what is said is worked out elsewhere."""

import json
from typing import Any

import azure.functions as func

from .app import App


def register(functions: func.FunctionApp, app: App) -> None:
    """Add one function per route and method."""

    def api_health(req: func.HttpRequest) -> func.HttpResponse:
        from .health import health

        answer = health(app)
        return _json(answer, 200 if answer["status"] == "ok" else 503)

    route = functions.route(route="health", methods=[func.HttpMethod.GET], auth_level=func.AuthLevel.FUNCTION)
    functions.function_name("api_health")(route(api_health))


def _json(answer: dict[str, Any], status: int) -> func.HttpResponse:
    return func.HttpResponse(json.dumps(answer), status_code=status, mimetype="application/json")
