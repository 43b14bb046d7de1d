"""``asd info``: what a model is, and how to run it elsewhere."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Iterator, Mapping
from typing import Any

from ..features.columns import BASIC_NAMES, N_FEATURES, TEMPORAL_STATISTICS
from ..files.neutral import in_one_line
from ..models.files import read_model
from ..models.metadata import FORMAT, DetectorRecord, Metadata
from ..recordings.audio import SAMPLE_RATE
from .library import chosen_model

_LABEL = 16  # characters of the names in front


def info_command(arguments: Namespace) -> int:
    """Run ``asd info``; the exit status.

    Raises
    ------
    UserError
        If it is no model.
    """
    path = chosen_model(arguments.model)
    values = described(read_model(path).about)
    if arguments.json:
        print(json.dumps({"model": path, **values}, indent=2, allow_nan=False))
    else:
        for line in _lines({"model": path, **values}):
            print(line)
    sys.stdout.flush()
    return 0


def described(about: Metadata) -> dict[str, Any]:
    """What is to be known of a model, as JSON takes it."""
    return {
        "title": about.title,
        "format": FORMAT,
        "machine": about.machine,
        "id": about.id,
        "snr": about.snr,
        "snr_label": about.snr_label,
        "protocol": about.protocol,
        "noise_factor": about.noise_factor,
        "seed": about.seed,
        "detector": about.detector,
        "detectors": {name: _described(record) for name, record in about.detectors.items()},
        "calibrated": about.calibrated,
        "left_out": dict(about.left_out),
        "recordings": {
            "channel": about.channel,
            "seconds": about.seconds,
            "sample_rate": about.sample_rate,
            "channels": about.channels,
            "read_at": SAMPLE_RATE,
        },
        "trained_on": dict(about.trained_on),
        "normal_clips": about.normal.clips,
        "typical_clip": None if about.typical is None else about.typical.file,
        "versions": dict(about.versions),
        "features": list(about.features),
        "inputs": {"features": {"type": "float32", "shape": ["clips", about.columns], "about": _columns(about)}},
        "outputs": _outputs(about),
    }


def _described(record: DetectorRecord) -> dict[str, Any]:
    auc = record.auc
    clips = len(record.calibration)
    return {
        "threshold": record.threshold,
        "auc": None if auc is None else {"value": auc.value, "low": auc.low, "high": auc.high},
        "calibration_clips": clips,
        "smallest_false_alarms": 1 / (1 + clips),
    }


def _columns(about: Metadata) -> str:
    """What the features are, for whoever has to compute them."""
    words = f"unscaled, of mono sound at {SAMPLE_RATE} Hz: 128 MFCC means, then {', '.join(BASIC_NAMES)} of the samples"
    if about.columns > N_FEATURES:
        words += f", then {', '.join(TEMPORAL_STATISTICS)} over time of each of 128 mel bands"
    return f"{words}; features.onnx computes them"


def _outputs(about: Metadata) -> dict[str, Any]:
    outputs: dict[str, Any] = {
        f"score_{name}": {"type": "float32", "shape": ["clips"], "about": "higher is more anomalous"}
        for name in about.detectors
    }
    clip = "features of the normal training clip that is nearest to a clip"
    every = "features of all normal training clips"
    return outputs | {
        "nearest_normal": {"type": "float32", "shape": ["clips", about.columns], "about": clip},
        "normal_features": {"type": "float32", "shape": [about.normal.clips, about.columns], "about": every},
    }


# ----------------------------------------------------------------------------------------------------------- in words


def _lines(values: Mapping[str, Any]) -> Iterator[str]:
    """The same for people."""
    yield from _entry("model", values["model"])
    yield from _entry("of", values["title"])
    run = f"noise factor {values['noise_factor']}, seed {values['seed']}, protocol {values['protocol']}"
    yield from _entry("run", run)
    yield from _entry("recordings", _reading(values["recordings"]))
    yield from _entry("trained on", _flat(values["trained_on"]) or f"{values['normal_clips']} normal clips")
    if values["typical_clip"] is not None:
        yield from _entry("typical clip", values["typical_clip"])
    yield from _entry("calibrated on", values["calibrated"])
    yield from _entry("made with", _flat(values["versions"]))
    yield ""
    yield from _detectors(values)
    for name, why in values["left_out"].items():
        yield in_one_line(f"left out: {name}, {why}")
    yield ""
    yield "To run it elsewhere: an ONNX graph of standard operators."
    for kind in ("inputs", "outputs"):
        for name, about in values[kind].items():
            shape = ", ".join(map(str, about["shape"]))
            yield in_one_line(f"  {kind.removesuffix('s'):6}  {name}: {about['type']} [{shape}], {about['about']}")


def _entry(name: str, text: str) -> Iterator[str]:
    if text:
        yield f"{name:{_LABEL}}{in_one_line(text)}"


def _reading(values: Mapping[str, Any]) -> str:
    channel, seconds = values["channel"], values["seconds"]
    words = ["mean over the channels" if channel == "mean" else f"channel {channel} (from 0)"]
    words.append("whole" if seconds is None else f"windows of {seconds:g} s")
    if values["channels"] is not None or values["sample_rate"] is not None:
        known = [
            f"{values[name]} {unit}"
            for name, unit in (("channels", "channel(s)"), ("sample_rate", "Hz"))
            if values[name] is not None
        ]
        words.append(f"those that trained it have {' at '.join(known)}")
    return "; ".join(words)


def _flat(values: Any) -> str:
    """Nested values in one line: ``normal clips 80, recorded (2024-05-01, 2024-06-01)``."""
    if isinstance(values, Mapping):
        inside = ((name.replace("_", " "), value, _flat(value)) for name, value in values.items())
        return ", ".join(
            f"{name} ({text})" if isinstance(value, Mapping | list) else f"{name} {text}"
            for name, value, text in inside
        )
    if isinstance(values, list):
        return ", ".join(map(_flat, values))
    return str(values)


def _detectors(values: Mapping[str, Any]) -> Iterator[str]:
    rows = [("detector", "threshold", "AUC [95 %]", "calibration clips", "smallest --false-alarms")]
    for name, one in values["detectors"].items():
        shown = f"{name} *" if name == values["detector"] else name
        smallest = f"{one['smallest_false_alarms']:.2g}"
        rows.append((shown, f"{one['threshold']:.4g}", _auc(one["auc"]), str(one["calibration_clips"]), smallest))
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        yield in_one_line("  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
    yield "* its verdict counts, unless --detector says otherwise"


def _auc(auc: Mapping[str, Any] | None) -> str:
    if auc is None:
        return "-"
    if auc["low"] is None or auc["high"] is None:
        return f"{auc['value']:.4f}"
    return f"{auc['value']:.4f} [{auc['low']:.4f}, {auc['high']:.4f}]"
