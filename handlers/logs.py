"""The log: one line for each record, as JSON for whoever collects it, as text on a terminal.

A record may carry fields beside its message (`extra=fields({...})`), and traces add the ids of the span that it is in.
"""

import json
import logging
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

JSON: Final = "json"
TEXT: Final = "text"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def fields(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a logging call takes as `extra`, to get these fields into its line."""
    return {"fields": found}


class JsonFormatter(logging.Formatter):
    """One JSON object in one line: time, level, logger, message, the record's fields, and a traceback in one field."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, in ASCII: no character of a message can break it."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line = {**line, **getattr(record, "trace", {}), **getattr(record, "fields", {})}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, separators=(",", ":"))


class TextFormatter(logging.Formatter):
    """The same for people: no fields, for messages say all that matters in words."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  logging's name
        """Without characters that would begin a line of their own, or colour it."""
        return _CONTROL.sub(lambda found: ascii(found[0])[1:-1], super().formatMessage(record))


def formatter(wanted: str, *, terminal: bool) -> logging.Formatter:
    """The one that is wanted; for no wish text on a terminal, and JSON elsewhere."""
    return TextFormatter() if wanted == TEXT or (wanted != JSON and terminal) else JsonFormatter()


def to_stderr(wanted: str) -> logging.Formatter:
    """The same for what is written to standard error."""
    return formatter(wanted, terminal=sys.stderr.isatty())


def setup(wanted: str) -> None:
    """Log to standard error, unless somebody who started us has decided on it: `serving.py` does."""
    handler = logging.StreamHandler()
    handler.setFormatter(to_stderr(wanted))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.captureWarnings(capture=True)
