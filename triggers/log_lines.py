"""Logs whose fields reach Application Insights.

The Functions host takes only a line's text from the Python worker and drops `extra`. So the fields are appended to the
text as JSON, "action" first; the alerts of infra/app/alerts.bicep search for it.
"""

import json
import logging
from collections.abc import Mapping
from typing import Any


class FieldsInText(logging.LoggerAdapter[logging.Logger]):
    """Appends `extra` to the sentence, and keeps it on the record too."""

    def log(
        self, level: int, msg: object, *args: object, extra: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> None:
        """Like Logger.log."""
        if self.isEnabledFor(level):
            sentence = str(msg) % args if args else str(msg)
            fields = f" {json.dumps(extra, ensure_ascii=False)}" if extra else ""
            self.logger.log(level, "%s%s", sentence, fields, extra=extra, **kwargs)


def logger(name: str) -> FieldsInText:
    """The logger of a module."""
    return FieldsInText(logging.getLogger(name), {})
