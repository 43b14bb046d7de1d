"""Oddly made recordings from beside the repository, with the right answers."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from asd.recordings.audio import BadClipError, read_clip, read_clip_header
from places import REPOSITORY

SCRIPT = REPOSITORY.parent / "shared" / "cases" / "recordings.py"
MP3_PADDING = 3000  # samples at both ends together


@pytest.mark.skipif(not SCRIPT.exists(), reason=f"{SCRIPT} is not there")
def test_every_case_is_read_or_refused_as_it_has_to_be(tmp_path: Path) -> None:
    subprocess.run([sys.executable, SCRIPT, tmp_path], check=True, capture_output=True)
    with (tmp_path / "truth.csv").open(newline="", encoding="utf-8") as file:
        cases = list(csv.DictReader(file))
    assert cases
    for case in cases:
        path = tmp_path / case["file"]
        if case["verdict"] == "refuse":
            with pytest.raises(BadClipError, match=r"truncated|contradicts itself"):
                read_clip(path)
            continue
        header, clip = read_clip_header(path), read_clip(path)
        tolerance = MP3_PADDING if path.suffix == ".mp3" else 0
        assert abs(header.frames - int(case["frames"])) <= tolerance, case
        assert (header.sample_rate, header.channels) == (int(case["rate"]), int(case["channels"])), case
        if "valve" not in path.name:
            spectrum = np.abs(np.fft.rfft(clip.samples))
            assert abs(np.argmax(spectrum) * header.sample_rate / len(clip.samples) - 440) < 1, case
