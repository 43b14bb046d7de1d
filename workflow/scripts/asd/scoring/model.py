"""A model in use: load it, and ask what it says of recordings."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from ..files import StrPath
from ..models.files import read_model
from ..models.metadata import DetectorRecord, Metadata
from .bands import reasons
from .p_values import is_anomalous, p_values, require_enough
from .windows import NoWindow, Recorded, Window, read_windows

if TYPE_CHECKING:
    from .explanation import Explanation

_AT_ONCE = 64  # windows
_THE_SAME = 1e-3  # standard deviations by which other computers may round the features of a clip otherwise
_HAS_TRAINED = "one of the clips that trained the model: its score and its p-value say nothing"


@dataclass(frozen=True)
class Verdict:
    """What a model says of a recording, or of a window of it.

    Attributes
    ----------
    file
        As it was given.
    start, end
        Seconds in it.
    score
        Higher is more anomalous; NaN where it could not be scored.
    p_value
        Share of normal clips that would score as high (`.p_values`); NaN where it could not be scored.
    anomalous
        Whether the score is above the threshold.
    reasons
        The most unusual bands, in words; or why it could not be scored.
    detector
        Whose score it is.
    remarks
        In what the recording differs from those that trained the model.
    """

    file: str
    start: float
    end: float
    score: float
    p_value: float
    anomalous: bool
    reasons: tuple[str, ...]
    detector: str = ""
    remarks: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """``normal``, ``anomalous`` or ``error``."""
        return "error" if math.isnan(self.score) else "anomalous" if self.anomalous else "normal"


@dataclass(frozen=True, eq=False)
class Model:
    """A model of one machine, ID and SNR.

    Examples
    --------
    >>> model = Model.load("results/models/fan/nf0.7_seed0_strict/snr6_id_00.onnx")  # doctest: +SKIP
    >>> [verdict] = model.score("clip.wav")  # doctest: +SKIP
    >>> verdict.anomalous, verdict.p_value, verdict.reasons  # doctest: +SKIP
    (True, 0.0016, ('2.1-2.6 kHz, 7 dB above normal', ...))
    """

    path: str
    about: Metadata
    graph: bytes = field(repr=False)

    @classmethod
    def load(cls, path: StrPath) -> Model:
        """Read a model file.  Nothing in it is executed but operators of ONNX.

        Raises
        ------
        UserError
            If the file is missing, damaged, of another format, or no model of this package.
        """
        content = read_model(path)
        return cls(os.fspath(path), content.about, content.graph)

    @cached_property
    def _session(self) -> Any:
        import onnxruntime

        onnxruntime.set_default_logger_severity(4)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 4
        try:
            return onnxruntime.InferenceSession(self.graph, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # of many types, none of them documented
            raise UserError(f"{self.path}: ONNX Runtime {onnxruntime.__version__} can't load it ({error})") from error

    def outputs(self, features: NDArray[np.float32], names: Sequence[str]) -> list[NDArray[np.float32]]:
        """Outputs of the graph for some clips; only what these take is computed.

        Parameters
        ----------
        features
            Unscaled, float32 [clips, columns].
        names
            ``score_<detector>``, float32 [clips]; ``nearest_normal``, the features of the nearest normal training
            clip, float32 [clips, columns]; or ``normal_features``, those of all of them, float32 [n, columns].
        """
        import onnxruntime

        options = onnxruntime.RunOptions()
        options.only_execute_path_to_fetches = True
        given = {"features": np.ascontiguousarray(features, np.float32)}
        session = self._session
        try:
            return [np.asarray(one) for one in session.run(list(names), given, options)]
        except Exception as error:  # of many types, none of them documented
            raise UserError(f"{self.path}: ONNX Runtime {onnxruntime.__version__} can't run it ({error})") from error

    @cached_property
    def normal_features(self) -> NDArray[np.float32]:
        """Features of the normal training clips, float32 [n, columns]."""
        nothing = np.zeros((1, self.about.columns), np.float32)
        return self.outputs(nothing, ["normal_features"])[0]

    def record(self, detector: str | None = None) -> DetectorRecord:
        """What is known of a detector; by default, of the one whose verdict counts.

        Raises
        ------
        UserError
            If the model has none of that name.
        """
        name = detector or self.about.detector
        if name not in self.about.detectors:
            why = self.about.left_out.get(name, f"it has {', '.join(self.about.detectors)}")
            raise UserError(f"{self.path}: the model has no detector {name!r}: {why}")
        return self.about.detectors[name]

    def scores(self, features: NDArray[np.float32], detector: str | None = None) -> NDArray[np.float64]:
        """Scores of clips by their features, float32 [clips, columns]; float64 [clips]."""
        self.record(detector)
        (found,) = self.outputs(features, [f"score_{detector or self.about.detector}"])
        return found.astype(np.float64)

    def score(
        self,
        recordings: StrPath | Iterable[StrPath],
        *,
        detector: str | None = None,
        false_alarms: float | None = None,
    ) -> list[Verdict]:
        """What the model says of recordings.

        Parameters
        ----------
        recordings
            A file, or several.
        detector
            Name of a detector or ensemble; by default, `Metadata.detector`.
        false_alarms
            Share of normal clips that may be taken for anomalous, which the threshold is then chosen for; by default,
            the threshold is the run's.

        Returns
        -------
        list of Verdict
            In the order of the recordings, one for each window of a recording that is longer than the training clips.
            What can't be scored says why.

        Raises
        ------
        UserError
            If there is no such detector, or there are too few calibration clips for the share of false alarms.
        """
        files = [recordings] if isinstance(recordings, str | os.PathLike) else recordings
        return list(self.verdicts(files, detector=detector, false_alarms=false_alarms))

    def verdicts(
        self, files: Iterable[StrPath], *, detector: str | None = None, false_alarms: float | None = None
    ) -> Iterator[Verdict]:
        """The same one by one, as soon as they are known.

        Clips are scored some dozens at a time, and a recording of any length takes little memory.
        """
        judge = self.judge(detector, false_alarms)
        waiting: list[tuple[str, Recorded]] = []
        windows = 0
        for given in files:
            file = os.fspath(given)
            waiting.append((file, read_windows(file, self.about, keep_samples=False)))
            windows += len(waiting[-1][1].windows)
            if windows >= _AT_ONCE:
                yield from judge(waiting)
                waiting, windows = [], 0
        yield from judge(waiting)

    def judge(self, detector: str | None = None, false_alarms: float | None = None) -> Judge:
        """What decides on recordings that have been read.

        Raises
        ------
        UserError
            As `score` does.
        """
        record = self.record(detector)
        if false_alarms is not None:
            require_enough(false_alarms, record.calibration)
        return Judge(self, detector or self.about.detector, record, false_alarms)

    def explain(self, recording: StrPath, *, detector: str | None = None) -> Explanation:
        """Why a recording got its score.

        Raises
        ------
        UserError
            If the recording can't be read, or there is no such detector.
        """
        from .explanation import explain

        return explain(self, os.fspath(recording), detector)


@dataclass(frozen=True)
class Judge:
    """Scores of one detector of a model, and the threshold between normal and anomalous.

    Attributes
    ----------
    false_alarms
        Share of normal clips that may be taken for anomalous; None takes the run's threshold.
    """

    model: Model
    detector: str
    record: DetectorRecord
    false_alarms: float | None = None

    def __call__(self, recordings: Sequence[tuple[str, Recorded]]) -> Iterator[Verdict]:
        """Verdicts on the windows of recordings (name and what was read), in their order."""
        features = [window.features for _, one in recordings for window in one.windows if isinstance(window, Window)]
        parts = (features[start : start + _AT_ONCE] for start in range(0, len(features), _AT_ONCE))
        found = itertools.chain.from_iterable(self._scored(np.stack(part)) for part in parts)
        for file, recorded in recordings:
            for window in recorded.windows:
                if isinstance(window, NoWindow):
                    yield self._no_verdict(file, window, window.reason.removeprefix(f"{file}: "), recorded)
                    continue
                score, has_trained = next(found)
                if math.isfinite(score):
                    remarks = (*recorded.remarks, *((_HAS_TRAINED,) if has_trained else ()))
                    yield self._verdict(file, window, score, replace(recorded, remarks=remarks))
                else:
                    yield self._no_verdict(file, window, f"its score is no finite number ({score})", recorded)

    def _scored(self, features: NDArray[np.float32]) -> list[tuple[float, bool]]:
        """Scores of clips, float32 [clips, columns], and whether each is one of those that trained the model."""
        outputs = [f"score_{self.detector}", "nearest_normal"]
        scores, nearest = self.model.outputs(features, outputs)
        apart = np.abs(features.astype(np.float64) - nearest)
        near = apart <= _THE_SAME * (self.model.about.normal.spread + np.abs(nearest) * 1e-3)
        return [(float(score), bool(row.all())) for score, row in zip(scores, near, strict=True)]

    def _verdict(self, file: str, window: Window, score: float, recorded: Recorded) -> Verdict:
        p_value = float(p_values(score, self.record.calibration))
        anomalous = (
            score > self.record.threshold if self.false_alarms is None else is_anomalous(p_value, self.false_alarms)
        )
        why = reasons(window.features, self.model.about.normal)
        return Verdict(file, window.start, window.end, score, p_value, anomalous, why, self.detector, recorded.remarks)

    def _no_verdict(self, file: str, window: Window | NoWindow, why: str, recorded: Recorded) -> Verdict:
        start, end, remarks = window.start, window.end, recorded.remarks
        return Verdict(file, start, end, math.nan, math.nan, False, (why,), self.detector, remarks)
