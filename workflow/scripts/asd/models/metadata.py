"""What a model says of itself: thresholds, calibration, normal features, and what it was trained on.

It stands in the model file as JSON (`asd.models.files`), and is checked before anything uses it.
"""

from __future__ import annotations

import base64
import json
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..features.columns import MEL_BANDS, FeatureSet, count_columns, sets_of

FORMAT = 1
"""Of the files that are written and read here."""

Calibrated = Literal["training clips, by models that had not seen them", "normal test clips"]

SPECTROGRAM_STEP = 0.5  # dB, of the typical clip's spectrogram
_SPECTROGRAM_FLOOR = -100.0  # dB; what is quieter than this is drawn as this
_LARGEST_SPECTROGRAM = 2**22  # bytes, far above one


class MetadataError(ValueError):
    """What a file says of itself is not what a model says."""


@dataclass(frozen=True)
class Interval:
    """An area under the ROC curve, and its interval of 95 %.

    Attributes
    ----------
    low, high
        None where there are too few clips for an interval.
    """

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class DetectorRecord:
    """What is known of one detector or ensemble.

    Attributes
    ----------
    threshold
        Score above which a clip is anomalous, as in the run's tables.
    calibration
        Scores of normal clips that the model had not seen, ascending, float64 [clips].
    auc
        Of the run's test; None without abnormal clips.
    """

    threshold: float
    calibration: NDArray[np.float64]
    auc: Interval | None = None


@dataclass(frozen=True)
class Normal:
    """Statistics of the features of the normal training clips.

    Attributes
    ----------
    clips
        Their number.
    mean, spread
        Of each feature, and its standard deviation; float64 [columns].
    band_mean, band_spread
        The same of the mean log-mel spectrum (natural logarithm of power), float64 [128].
    """

    clips: int
    mean: NDArray[np.float64]
    spread: NDArray[np.float64]
    band_mean: NDArray[np.float64]
    band_spread: NDArray[np.float64]


@dataclass(frozen=True)
class Typical:
    """The normal training clip that is most like the others.

    Attributes
    ----------
    file
        As in the clip list.
    seconds
        Its length.
    spectrogram
        dB of power in each mel band, low to high, in even steps of time, float32 [128, frames].
    """

    file: str
    seconds: float
    spectrogram: NDArray[np.float32]


@dataclass(frozen=True)
class Metadata:
    """All of it.

    Attributes
    ----------
    machine, id, snr, snr_label, protocol, noise_factor, seed
        Whose model it is; text as in the results.
    detector
        The detector or ensemble whose verdict counts unless another is asked for.
    detectors
        Name -> what is known of it; the model has an output ``score_<name>`` for each.
    calibrated
        Which clips the calibration scores are of.
    left_out
        Name -> why the model does not have it.
    features
        The sets of features.
    channel
        How recordings become mono: ``"mean"``, or a channel's number from 0.
    seconds
        Length of the training clips; None where it is not known (the run started from feature caches), and where they
        have different lengths.
    sample_rate, channels
        Of the training recordings; None where they are not known or differ.
    trained_on
        Counts of clips, checksums of the clip lists, dates of the recordings; for people.
    versions
        Package -> version that made the file.
    origin
        What tells whether the file was made under the present configuration (`asd.files.origin.Origin`).
    normal, typical
        See there; without recordings there is no typical clip.
    """

    machine: str
    id: str
    snr: str
    protocol: str
    noise_factor: str
    seed: str
    detector: str
    detectors: Mapping[str, DetectorRecord]
    calibrated: Calibrated
    normal: Normal
    snr_label: str = ""
    left_out: Mapping[str, str] = field(default_factory=dict)
    features: Sequence[FeatureSet] = ("mfcc", "basic")
    channel: int | Literal["mean"] = "mean"
    seconds: float | None = None
    sample_rate: int | None = None
    channels: int | None = None
    trained_on: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    origin: Mapping[str, str] = field(default_factory=dict)
    typical: Typical | None = None

    @property
    def columns(self) -> int:
        """Number of features of a clip."""
        return count_columns(self.features)

    @property
    def title(self) -> str:
        """Whose model it is, in words.

        Examples
        --------
        ``fan, ID id_00, SNR 6 dB``
        """
        return f"{self.machine}, ID {self.id}, SNR {self.snr_label or self.snr}"

    def to_json(self) -> str:
        """As it stands in the file; equal metadata give equal text."""
        detectors = {
            name: {
                "threshold": one.threshold,
                "calibration": np.sort(one.calibration).tolist(),
                "auc": None if one.auc is None else {"value": one.auc.value, "low": one.auc.low, "high": one.auc.high},
            }
            for name, one in self.detectors.items()
        }
        normal = self.normal
        values = {
            "format": FORMAT,
            "machine": self.machine,
            "id": self.id,
            "snr": self.snr,
            "snr_label": self.snr_label,
            "protocol": self.protocol,
            "noise_factor": self.noise_factor,
            "seed": self.seed,
            "detector": self.detector,
            "detectors": detectors,
            "calibrated": self.calibrated,
            "left_out": dict(self.left_out),
            "features": list(self.features),
            "channel": self.channel,
            "seconds": self.seconds,
            "sample_rate": self.sample_rate,
            "channels": self.channels,
            "trained_on": dict(self.trained_on),
            "versions": dict(self.versions),
            "origin": dict(self.origin),
            "normal": {
                "clips": normal.clips,
                "features": {"mean": normal.mean.tolist(), "spread": normal.spread.tolist()},
                "log_mel": {"mean": normal.band_mean.tolist(), "spread": normal.band_spread.tolist()},
            },
            "typical": None if self.typical is None else _packed(self.typical),
        }
        return json.dumps(values, ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Metadata:
        """What `to_json` gave.

        Raises
        ------
        MetadataError
            If the text is not that of a model of this format; the message does not name the file.
        """
        try:
            values = json.loads(text)
            found = values["format"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise MetadataError(f"what it says of itself can't be read ({type(error).__name__}: {error})") from None
        if found != FORMAT:
            raise MetadataError(
                f"it is of format {found!r}, and this version reads format {FORMAT}: use the version of the package "
                "that made the model, or make the model anew"
            )
        try:
            return _read(values)
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, zlib.error) as error:
            raise MetadataError(f"what it says of itself is incomplete ({type(error).__name__}: {error})") from None


def _read(values: Mapping[str, Any]) -> Metadata:
    texts = {
        name: _of_type(values, name, str)
        for name in ("machine", "id", "snr", "snr_label", "protocol", "noise_factor", "seed", "detector", "calibrated")
    }
    features = tuple(values["features"])
    columns = count_columns(features)
    if sets_of(columns) != features:
        raise ValueError(f"features {features!r} are not known")
    detectors = {str(name): _detector(about) for name, about in values["detectors"].items()}
    if texts["detector"] not in detectors:
        raise ValueError(f"there is no detector {texts['detector']!r}")
    channel = values["channel"]
    if channel != "mean" and (not isinstance(channel, int) or isinstance(channel, bool) or channel < 0):
        raise ValueError(f"channel {channel!r}")
    normal = values["normal"]
    return Metadata(
        **texts,
        detectors=detectors,
        normal=Normal(
            int(normal["clips"]),
            _numbers(normal["features"]["mean"], columns),
            _numbers(normal["features"]["spread"], columns),
            _numbers(normal["log_mel"]["mean"], MEL_BANDS),
            _numbers(normal["log_mel"]["spread"], MEL_BANDS),
        ),
        left_out={str(name): str(why) for name, why in values["left_out"].items()},
        features=features,
        channel=channel,
        seconds=_positive(values["seconds"]),
        sample_rate=_whole(values["sample_rate"]),
        channels=_whole(values["channels"]),
        trained_on=dict(values["trained_on"]),
        versions={str(name): str(version) for name, version in values["versions"].items()},
        origin={str(name): str(value) for name, value in values["origin"].items()},
        typical=None if values["typical"] is None else _unpacked(values["typical"]),
    )


def _of_type(values: Mapping[str, Any], name: str, kind: type) -> Any:
    if not isinstance(values[name], kind):
        raise ValueError(f"{name} is {values[name]!r}")
    return values[name]


def _numbers(values: Any, count: int | None = None) -> NDArray[np.float64]:
    array = np.array(values, np.float64)
    if array.ndim != 1 or not np.isfinite(array).all() or count not in (None, len(array)):
        raise ValueError("numbers are missing, or not finite")
    return array


def _positive(value: Any) -> float | None:
    if value is None:
        return None
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{value!r} is no length")
    return float(value)


def _whole(value: Any) -> int | None:
    found = _positive(value)
    return None if found is None else int(found)


def _detector(about: Mapping[str, Any]) -> DetectorRecord:
    calibration = _numbers(about["calibration"])
    if not len(calibration) or (np.diff(calibration) < 0).any():
        raise ValueError("calibration scores are missing, or in another order")
    auc = about["auc"]
    interval = None if auc is None else Interval(*(auc[name] for name in ("value", "low", "high")))
    (threshold,) = _numbers([about["threshold"]])
    return DetectorRecord(float(threshold), calibration, interval)


def _packed(typical: Typical) -> dict[str, Any]:
    steps = np.clip(np.round((typical.spectrogram - _SPECTROGRAM_FLOOR) / SPECTROGRAM_STEP), 0, 255).astype(np.uint8)
    return {
        "file": typical.file,
        "seconds": typical.seconds,
        "frames": steps.shape[1],
        "floor": _SPECTROGRAM_FLOOR,
        "step": SPECTROGRAM_STEP,
        "spectrogram": base64.b64encode(zlib.compress(steps.tobytes(), 9)).decode("ascii"),
    }


def _unpacked(values: Mapping[str, Any]) -> Typical:
    packed = base64.b64decode(values["spectrogram"], validate=True)
    content = zlib.decompressobj().decompress(packed, _LARGEST_SPECTROGRAM)
    steps = np.frombuffer(content, np.uint8).reshape(MEL_BANDS, int(values["frames"]))
    spectrogram = (values["floor"] + values["step"] * steps).astype(np.float32)
    return Typical(str(values["file"]), float(values["seconds"]), spectrogram)
