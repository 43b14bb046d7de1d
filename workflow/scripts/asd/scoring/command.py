"""The command ``asd``: what a trained model says of new recordings, at a terminal.

Its sub-commands are read here and done elsewhere.  Nothing heavy is imported before it is known what is asked for.
"""

from __future__ import annotations

import argparse
import importlib
import os
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ..errors import UserError
from ..files.atomic import disk_problem
from ..files.neutral import for_terminal
from .frugal import be_frugal

if TYPE_CHECKING:
    from argparse import Namespace, _SubParsersAction

NOTHING_ANOMALOUS, SOME_ANOMALOUS, FAILED = 0, 1, 2
"""Exit statuses of ``asd score``; the last one of the others, too."""

_INTERRUPTED, _NOBODY_READS = 130, 141  # as shells report programs that SIGINT and SIGPIPE ended

_FOR_PAGES = ("librosa", "matplotlib", "seaborn")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a sub-command.

    Parameters
    ----------
    argv
        Arguments; those of the process if left out.

    Returns
    -------
    int
        Exit status.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError):  # there may be none, or a stand-in
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        arguments = _parser().parse_args(argv)
        status: int = arguments.run(arguments)
        if sys.stdout is not None:
            sys.stdout.flush()
        return status
    except SystemExit as end:  # argparse has said what is wrong
        return end.code if isinstance(end.code, int) else 0
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        discard_output()
        return _NOBODY_READS
    except UserError as error:
        tell(str(error))
    except MemoryError:
        tell("there is not enough memory")
    except OSError as error:
        discard_output()
        tell(disk_problem(error, error.filename or "the output") or str(error))
    return FAILED


def tell(message: str) -> None:
    """Say something on stderr, as far as that is possible."""
    with suppress(OSError, AttributeError):
        if sys.stdout is not None:
            sys.stdout.flush()  # in the order in which it came
    with suppress(OSError):
        print(f"asd: {for_terminal(message)}", file=sys.stderr, flush=True)


def discard_output() -> None:
    """Let what is still to be written go nowhere, or Python complains of it at its end."""
    with suppress(OSError, AttributeError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def version() -> str:
    """Version of the package, as far as it has been installed."""
    metadata = importlib.import_module("importlib.metadata")
    try:
        return str(metadata.version("asd"))
    except metadata.PackageNotFoundError:
        return "(not installed)"


# -------------------------------------------------------------------------------------------------------- arguments


class _Version(argparse.Action):
    """Looks the version up only if it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object, **__: object) -> None:
        print(f"asd {version()}")
        parser.exit()


class _Parser(argparse.ArgumentParser):
    def __init__(self, **named: Any) -> None:
        super().__init__(**named, allow_abbrev=False)
        # MIMII's folders are called -6_dB_fan: as in Python 3.14, what begins like a negative number is no option
        self._negative_number_matcher = re.compile(r"-\.?\d")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="asd",
        description="Anomalous sound detection with models that the workflow has trained.",
        epilog="asd COMMAND --help says more. Models lie in results/models/<machine>/<run>/<snr>_<id>.onnx.",
    )
    nothing = argparse.SUPPRESS
    parser.add_argument("--version", action=_Version, nargs=0, dest=nothing, default=nothing, help="show the version")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for add in (_add_score, _add_watch, _add_explain, _add_monitor, _add_info):
        add(commands)
    return parser


def _command(
    commands: _SubParsersAction[_Parser], name: str, run: Callable[[Namespace], int], summary: str, more: str = ""
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name,
        help=summary,
        description=f"{summary[:1].upper()}{summary[1:]}.",
        epilog=more,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    return parser


def _add_decision(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--false-alarms",
        type=float,
        metavar="SHARE",
        help="share of normal clips that may be taken for anomalous, such as 0.01; default: the threshold of its run",
    )
    _add_detector(parser)


def _add_detector(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--detector", metavar="NAME", help="detector or ensemble whose score counts; by default, the model's"
    )


_MORE_ABOUT_SCORE = """\
A recording that is longer than the clips which trained the model is scored in windows of their length.
The columns: file, start and end in seconds, detector, score (higher is more anomalous), p_value (share of normal
clips that would score as high), verdict (normal, anomalous, error), reasons (the most unusual bands, or why it could
not be scored).

Exit status: 0 if all is normal, 1 if anything is anomalous, 2 if anything could not be scored.
"""


def _add_score(commands: _SubParsersAction[_Parser]) -> None:
    parser = _command(
        commands, "score", _score, "say which recordings are anomalous, how surely, and why", _MORE_ABOUT_SCORE
    )
    parser.add_argument("model", metavar="MODEL", help="a model (.onnx), or a folder of models")
    parser.add_argument(
        "recordings",
        metavar="RECORDING",
        nargs="+",
        help="sound files, folders with all below them, or - for a recording from standard input",
    )
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="an array of objects")
    output.add_argument("--csv", action="store_true", help="comma-separated values with a header")
    _add_decision(parser)
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument(
        "--model-for", metavar="MACHINE/ID[/SNR]", help="whose model to take; MODEL is a folder of models"
    )
    choice.add_argument(
        "--by-path",
        action="store_true",
        help="take the model of the machine and ID that a recording's folders are named after (.../fan/id_00/...); "
        "MODEL is a folder of models",
    )
    parser.add_argument("--quiet", action="store_true", help="nothing but the rows, unless something is wrong")


def _add_watch(commands: _SubParsersAction[_Parser]) -> None:
    parser = _command(commands, "watch", _watch, "score recordings as they come into a folder", _MORE_ABOUT_WATCH)
    parser.add_argument("model", metavar="MODEL", help="a model (.onnx)")
    parser.add_argument("folder", metavar="DIR", help="folder to which recordings come, with all below it")
    parser.add_argument(
        "--csv",
        metavar="SCORES.csv",
        required=True,
        help="table to which scores are appended, and goes on where it was",
    )
    parser.add_argument(
        "--run", dest="program", metavar="COMMAND", help="run it for every anomalous row, without a shell"
    )
    parser.add_argument("--alarms", metavar="FILE", help="append every anomalous row to it, as a line of JSON")
    parser.add_argument("--interval", type=float, default=1.0, metavar="SECONDS", help="between two looks (1)")
    parser.add_argument("--once", action="store_true", help="end when all that is there has been scored")
    _add_decision(parser)
    parser.add_argument("--quiet", action="store_true", help="show no rows, only what is wrong")


_MORE_ABOUT_WATCH = """\
A recording is scored once its size and time of modification have been the same at two looks, and it can be read. One
that can't be read, and has not changed for ten intervals, gets the verdict error. The same recording (path, size and
time of modification) is never scored twice, also after a restart or a power cut: what had not been finished is cut off
the table and scored again. The features of each row go to SCORES.features.csv, for asd monitor.

Alarms come before the row is written: none is lost, but after a kill or a power cut the last one may come again.
The command gets ASD_FILE, ASD_START, ASD_SCORE, ASD_P_VALUE and ASD_REASONS in its environment and the row as JSON on
its standard input, and has 60 seconds.

Ctrl-C and SIGTERM end it, with status 0. Recordings are never changed or removed.
"""


def _add_explain(commands: _SubParsersAction[_Parser]) -> None:
    parser = _command(commands, "explain", _explain, "show why a recording got its score")
    parser.add_argument("model", metavar="MODEL", help="a model (.onnx)")
    parser.add_argument("recording", metavar="RECORDING", help="a sound file")
    parser.add_argument("--output", metavar="PAGE.html", help="a page with figures and sound")
    parser.add_argument("--png", metavar="FILE", help="the figure alone")
    _add_detector(parser)


def _add_monitor(commands: _SubParsersAction[_Parser]) -> None:
    parser = _command(commands, "monitor", _monitor, "say whether a model still holds, from what asd watch has written")
    parser.add_argument("scores", metavar="SCORES.csv", help="table of asd watch")
    parser.add_argument("--model", metavar="MODEL", help="the model that scored")
    parser.add_argument("--output", metavar="FIGURE.png", help="a figure of the course of scores")
    parser.add_argument("--json", action="store_true", help="as one object")
    parser.add_argument(
        "--run-length",
        type=float,
        default=10_000,
        metavar="CLIPS",
        help="mean number of clips between false alarms of the monitor itself (10000)",
    )


def _add_info(commands: _SubParsersAction[_Parser]) -> None:
    parser = _command(commands, "info", _info, "say what a model is, and how to run it elsewhere")
    parser.add_argument("model", metavar="MODEL", help="a model (.onnx)")
    parser.add_argument("--json", action="store_true", help="as one object")


# ----------------------------------------------------------------------------------------------------- sub-commands


def _score(arguments: Namespace) -> int:
    be_frugal()
    from .score import score_command

    return score_command(arguments)


def _watch(arguments: Namespace) -> int:
    be_frugal()
    from .watch import watch_command

    return watch_command(arguments)


def _info(arguments: Namespace) -> int:
    from .info import info_command

    return info_command(arguments)


def _explain(arguments: Namespace) -> int:
    return _elsewhere("page", "explain_command", arguments)


def _monitor(arguments: Namespace) -> int:
    return _elsewhere("monitoring", "monitor_command", arguments)


def _elsewhere(module: str, function: str, arguments: Namespace) -> int:
    """Run a sub-command of which packages are asked that the others do without."""
    try:
        be_frugal()
        found: Callable[[Namespace], int] = getattr(importlib.import_module(f"asd.scoring.{module}"), function)
        return found(arguments)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in _FOR_PAGES:
            raise
        raise UserError(f"{missing} is needed for it: pip install {' '.join(_FOR_PAGES)}") from error


if __name__ == "__main__":
    sys.exit(main())
