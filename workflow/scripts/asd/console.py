"""What a job says: everything into its log file, and a user's mistake also on the terminal."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import UserError

USER_ERROR = " ERROR user: "
"""Stands before a user's mistake in a log; what follows, to the end of the file, is the message."""

_INTERRUPTED = 130  # as shells report a program that SIGINT ended


@contextmanager
def job_log(path: str | Path) -> Iterator[None]:
    """Send log records, warnings and unexpected tracebacks of the block to the file `path`.

    Raises
    ------
    SystemExit
        With status 1 after a `UserError`; its message has then been written to the log and to stderr, without
        a traceback.  With status 130 after Ctrl-C.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(path, mode="w", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    started = time.perf_counter()
    try:
        yield
        root.info("finished after %.1f s", time.perf_counter() - started)
    except UserError as error:
        root.error("user: %s", error)
        print(f"\nError: {error}\n(log: {path})\n", file=sys.stderr, flush=True)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        root.warning("interrupted")
        raise SystemExit(_INTERRUPTED) from None
    except Exception:
        root.exception("unexpected error")
        raise
    finally:
        logging.captureWarnings(False)
        root.removeHandler(handler)
        handler.close()
