"""The Azure Functions app: builds the objects and registers the functions."""

from triggers.collection import left_uncollected

with left_uncollected():
    import logging
    from pathlib import Path

    import azure.functions as func

    from triggers import blob_schedules, management_api, reconciler, run_events, storage_events, timer_schedules
    from triggers.app import App
    from triggers.log_lines import logger
    from triggers.settings import from_environment
    from triggers.version import NAME, VERSION

    # The worker's root logger is at INFO, the level at which the Azure SDK logs the headers of every request.
    logging.getLogger("azure").setLevel(logging.WARNING)
    logger("triggers").info("%s %s starts", NAME, VERSION, extra={"action": "app_started", "version": VERSION})

    app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)
    folder = Path(__file__).parent
    objects = App(from_environment(folder), folder)

    timer_schedules.register(app, objects)
    blob_schedules.register(app, objects)
    reconciler.register(app, objects)
    storage_events.register(app, objects)
    run_events.register(app, objects)
    management_api.register(app, objects)
