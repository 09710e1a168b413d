"""Logs as lines of JSON on the standard error, without tracebacks, paths, names of files or tokens."""

import json
import logging
import sys
import time
import traceback
from pathlib import Path
from typing import Any

logger = logging.getLogger("foveate.serving")


class JsonLines(logging.Formatter):
    """Formats a record as one JSON object: time (UTC), level, event, and the fields given as `extra`.

    An exception becomes its kind and the function and line that raised it: its message may name files.
    """

    def format(self, record: logging.LogRecord) -> str:
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, Any] = {
            "time": f"{seconds}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = origin(record.exc_info[1])
        return json.dumps(line, ensure_ascii=False)


def origin(error: BaseException) -> str:
    """Return the kind of an exception, and where it was raised.

    >>> try:
    ...     raise KeyError("secret")
    ... except KeyError as error:
    ...     origin(error).partition(" ")[0]
    'KeyError'
    """
    frames = traceback.extract_tb(error.__traceback__)
    place = f" in {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"


def log(event: str, level: int = logging.INFO, error: BaseException | None = None, **fields: Any) -> None:
    """Write an event with its fields."""
    logger.log(level, event, exc_info=error, extra={"fields": fields})


def start_logging() -> None:
    """Send the logs of this package, and those of uvicorn from warnings on, to the standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    for name, level in (("foveate.serving", logging.INFO), ("uvicorn", logging.WARNING)):
        chosen = logging.getLogger(name)
        chosen.handlers, chosen.propagate = [handler], False
        chosen.setLevel(level)
