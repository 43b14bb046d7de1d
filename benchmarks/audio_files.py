"""Audio files of others: what the workflow reads of them, beside soundfile and ffmpeg.

    PYTHONPATH=workflow/scripts python -m benchmarks.audio_files FOLDER

A refusal is *false* where ffmpeg decodes a file without complaint to something that could be used: longer than 25 ms,
not constant, at a usual rate.  Files that were cut off on purpose, of which ffmpeg says nothing, are among them: look
at each.  A length is *wrong* where it differs from ffmpeg's, and from soundfile's if that reads the file, by more than
two frames of a codec.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import soundfile

from asd.recordings.audio import FRAME_LENGTH, LOWEST_RATE, SAMPLE_RATE, BadClipError, read_clip, read_clip_header
from asd.recordings.listing import AUDIO_ENDINGS

FRAME = 2304  # samples: two frames of MP3, for delay and padding of codecs
SECONDS = 60


def by_ffmpeg(path: Path) -> tuple[int, bool] | None:
    """Samples per channel that ffmpeg decodes, and whether they could be used; None if it complains."""
    probe = ["ffprobe", "-v", "error", "-select_streams", "a:0", "-show_entries", "stream=sample_rate,channels"]
    stated = subprocess.run([*probe, "-of", "csv=p=0", str(path)], capture_output=True, text=True, timeout=SECONDS)
    try:
        rate, channels = map(int, stated.stdout.strip().splitlines()[0].strip(",").split(","))
    except (IndexError, ValueError):
        return None
    decode = ["ffmpeg", "-nostdin", "-v", "error", "-i", str(path), "-map", "0:a:0", "-f", "f32le", "-"]
    done = subprocess.run(decode, capture_output=True, timeout=SECONDS)
    if done.returncode or done.stderr or stated.stderr:
        return None
    samples = np.frombuffer(done.stdout, "<f4").reshape(-1, channels)
    mono = samples.mean(axis=1) if len(samples) else np.zeros(1)
    usable = len(samples) * SAMPLE_RATE / rate >= FRAME_LENGTH and rate >= LOWEST_RATE and np.isfinite(mono).all()
    return len(samples), bool(usable and np.ptp(mono) > 1e-6 * np.abs(mono).max())


def by_soundfile(path: Path) -> int | None:
    """Samples per channel that soundfile reads."""
    try:
        return len(soundfile.read(path, always_2d=True)[0])
    except (soundfile.LibsndfileError, OSError, TypeError, ValueError):
        return None


def verdict(path: Path) -> tuple[str, str]:
    """How a file was taken, and a line about it where that is worth a look."""
    try:
        read_clip(path)
        found, reason = read_clip_header(path).frames, ""
    except BadClipError as error:
        found, reason = None, str(error).removeprefix(f"{path}: ")
    other = by_ffmpeg(path)
    if found is None:
        if other is None or not other[1]:
            return "refused, rightly or as ffmpeg does", ""
        return "refused falsely", f"{path}: {reason} (ffmpeg: {other[0]} samples, soundfile: {by_soundfile(path)})"
    lengths = {length for length in (other[0] if other else None, by_soundfile(path)) if length is not None}
    if not lengths or any(abs(length - found) <= FRAME for length in lengths):
        return "read", ""
    return "wrong length", f"{path}: {found} samples, others {sorted(lengths)}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.audio_files", description=__doc__)
    parser.add_argument("folder", type=Path)
    counts: Counter[str] = Counter()
    for path in sorted(parser.parse_args().folder.rglob("*")):
        if path.is_file() and path.suffix.lower() in AUDIO_ENDINGS:
            try:
                kind, line = verdict(path)
            except subprocess.TimeoutExpired:
                kind, line = "too long for ffmpeg", ""
            counts[kind] += 1
            if line:
                print(f"{kind}: {line}", flush=True)
    print(dict(counts), file=sys.stdout)


if __name__ == "__main__":
    main()
