"""``asd score``: verdicts on recordings, as a table, CSV or JSON."""

from __future__ import annotations

import logging
import math
import shutil
import sys
from argparse import Namespace
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import groupby

from ..errors import UserError
from ..files import StrPath
from ..files.atomic import whole_file
from ..files.neutral import in_one_line
from .command import FAILED, NOTHING_ANOMALOUS, SOME_ANOMALOUS, tell
from .inputs import STANDARD_INPUT, Listed, listed, spooled_standard_input
from .library import Library, chosen_model
from .model import Model, Verdict
from .output import WIDTH, CsvWriter, JsonWriter, TableWriter, Writer

logger = logging.getLogger(__name__)

_NARROWEST = 80


@dataclass
class _Count:
    """What is said once all has been scored."""

    rows: int = 0
    files: set[str] = field(default_factory=set)
    anomalous: int = 0
    failed: int = 0
    first_failure: str = ""
    remarks: dict[str, list[str]] = field(default_factory=dict)  # with the files

    def add(self, verdict: Verdict) -> None:
        self.rows += 1
        self.files.add(verdict.file)
        for remark in verdict.remarks:
            files = self.remarks.setdefault(remark, [])
            if files[-1:] != [verdict.file]:
                files.append(verdict.file)
        if verdict.verdict == "anomalous":
            self.anomalous += 1
        elif verdict.verdict == "error":
            self.failed += 1
            self.first_failure = self.first_failure or f"{in_one_line(verdict.file)}: {'; '.join(verdict.reasons)}"

    def sentence(self) -> str:
        """How many are anomalous."""
        whole = self.rows == len(self.files)
        of = _many(self.rows, "clip") if whole else f"{self.rows} windows of {_many(len(self.files), 'recording')}"
        failed = f"; {self.failed} could not be scored, the first: {self.first_failure}" if self.failed else ""
        return f"{self.anomalous} of {of} anomalous{failed}"

    def sentences(self, recordings: Listed) -> Iterator[str]:
        """The same, what was left out, and in what recordings differ from those that trained the model."""
        yield self.sentence()
        if recordings.left_out:
            yield f"left out of folders: {recordings.left_out}"
        for remark, files in self.remarks.items():
            others = f" and {_many(len(files) - 1, 'other')}" if len(files) > 1 else ""
            yield f"{in_one_line(files[0])}{others}: {remark}"


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def score_command(arguments: Namespace) -> int:
    """Run ``asd score``; the exit status.

    Raises
    ------
    UserError
        If nothing can be scored at all: for lack of a model, of the detector asked for, or of calibration clips.
    """
    models = _Models(arguments)
    recordings = listed(arguments.recordings)
    writer = _writer(arguments, models)
    count = _Count()
    writer.begin()
    try:
        for verdict in models.verdicts(recordings.files):
            writer.add(verdict)
            count.add(verdict)
    finally:
        writer.end()
    for problem in recordings.problems:
        tell(problem)
    if not arguments.quiet:
        for sentence in count.sentences(recordings):
            tell(sentence)
    elif count.failed:
        tell(count.sentence())
    if count.failed or recordings.problems:
        return FAILED
    return SOME_ANOMALOUS if count.anomalous else NOTHING_ANOMALOUS


def score_into(path: StrPath, model: StrPath, recordings: Sequence[str], false_alarms: float | None = None) -> None:
    """Write what a model says of recordings as CSV, whole or not at all, and say in the log how many are anomalous.

    Parameters
    ----------
    recordings
        Files and folders.

    Raises
    ------
    UserError
        If the model can't be used, a recording is not there, or there are none at all.
    """
    found = listed(recordings)
    for problem in found.problems:
        raise UserError(problem)
    count = _Count()
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = CsvWriter(file)
        writer.begin()
        for verdict in Model.load(model).verdicts(found.files, false_alarms=false_alarms):
            writer.add(verdict)
            count.add(verdict)
        writer.end()
    for sentence in count.sentences(found):
        logger.info("%s", sentence)


def _writer(arguments: Namespace, models: _Models) -> Writer:
    if arguments.json:
        return JsonWriter(sys.stdout)
    if arguments.csv:
        return CsvWriter(sys.stdout)
    width = WIDTH
    if sys.stdout.isatty():
        width = max(_NARROWEST, min(WIDTH, shutil.get_terminal_size((WIDTH, 1)).columns))
    return TableWriter(sys.stdout, models.detectors, width)


class _Models:
    """Which model scores which recording.

    Raises
    ------
    UserError
        If there is no model, or it is not clear which one is meant.
    """

    def __init__(self, arguments: Namespace) -> None:
        self._detector, self._false_alarms = arguments.detector, arguments.false_alarms
        self._loaded: dict[str, Model] = {}
        self._library: Library | None = None
        if arguments.by_path:
            self._library = Library.of(arguments.model)
            self.detectors = sorted({self._detector or one.about.detector for one in self._library.models})
            for problem in self._library.problems:
                tell(problem)
            return
        self._path = chosen_model(arguments.model, arguments.model_for)
        model = self._model(self._path)
        model.judge(self._detector, self._false_alarms)  # complains now of what is wrong
        self.detectors = [self._detector or model.about.detector]

    def _model(self, path: str) -> Model:
        if path not in self._loaded:
            self._loaded[path] = Model.load(path)
        return self._loaded[path]

    def verdicts(self, files: Sequence[str]) -> Iterator[Verdict]:
        """On the windows of all files, in their order."""
        with ExitStack() as stack:
            read = dict(zip(files, files, strict=True))
            if STANDARD_INPUT in read:
                read[STANDARD_INPUT] = stack.enter_context(spooled_standard_input())
            for verdict in self._of_every_model(list(read.values())):
                yield _renamed(verdict, read.get(STANDARD_INPUT))

    def _of_every_model(self, files: Iterable[str]) -> Iterator[Verdict]:
        if self._library is None:
            yield from self._of_model(self._path, files)
            return
        for path, some in groupby(files, self._path_for):
            if isinstance(path, UserError):
                yield from (_no_model(file, str(path)) for file in some)
            else:
                yield from self._of_model(path, some)

    def _path_for(self, file: str) -> str | UserError:
        """Of the model for a file, or why there is none."""
        assert self._library is not None
        try:
            return self._library.model_by_path(file).path
        except UserError as error:
            return error

    def _of_model(self, path: str, files: Iterable[str]) -> Iterator[Verdict]:
        model = self._model(path)
        if self._library is not None:
            try:
                model.judge(self._detector, self._false_alarms)
            except UserError as error:  # others may do
                yield from (_no_model(file, str(error)) for file in files)
                return
        yield from model.verdicts(files, detector=self._detector, false_alarms=self._false_alarms)


def _no_model(file: str, why: str) -> Verdict:
    return Verdict(file, 0.0, 0.0, math.nan, math.nan, False, (why.removeprefix(f"{file}: "),))


def _renamed(verdict: Verdict, spooled: str | None) -> Verdict:
    """A verdict on standard input under that name."""
    if verdict.file != spooled:
        return verdict
    reasons = tuple(reason.replace(spooled, STANDARD_INPUT) for reason in verdict.reasons)
    return replace(verdict, file=STANDARD_INPUT, reasons=reasons)
