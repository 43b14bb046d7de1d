"""Damaged and hostile recordings are refused or read rightly, within bounds of time and memory.

*Silent acceptance of damage* is an answer of `read_clip`, instead of an error, that is

- for formats with check sums (FLAC with its MD5, Ogg): another than that of an undamaged file;
- for uncompressed formats: another than what the plain decoder of `plain_recordings` makes of the same bytes, or any at
  all where these contradict themselves;
- for any format that states its length: an answer to a file from whose audio bytes at the end are missing;
- for WAV and its kin: another answer than before to a file with a single flipped bit in the fields of its format chunk.

There must be none.  What can't be known is listed in `asd.recordings.headers`, and excepted here by `is_unknowable`.

``FUZZ=6000 pytest -s tests/faults/test_hostile_recordings.py`` tries so many inputs, and `FUZZ_SEED` others than
usual.  They are read in a process of its own, so that a crash, a hang and too much memory are found with the input at
fault.  Where ffmpeg is installed, such a run also counts the *false refusals*, of files from which ffmpeg still decodes
the undamaged sound, and holds the length of every MP3 against ffmpeg's.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import json
import os
import selectors
import shutil
import signal
import struct
import subprocess
import sys
import warnings
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import hypothesis
import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import strategies as st
from numpy.typing import NDArray

from places import SCRIPTS, SHARED, SUPPORT
from plain_recordings import NotPlainError, UnknownCodecError, plain_recording

INPUTS = int(os.environ.get("FUZZ", "250"))
SECONDS = 5.0  # for one input
MEMORY = 3 << 29  # bytes beyond what the process has to begin with
REAL = SHARED / "data" / "mimii_audio"

WAVE_KIN = ("WAV", "WAVEX", "RF64", "W64")
CODECS = ("IMA_ADPCM", "MS_ADPCM", "GSM610", "ALAC_16")
RATE_UNKNOWABLE = 0.02  # programs compute the byte rate of ADPCM in different ways, so that it says the rate roughly


# ------------------------------------------------------------------------------------------------------ good recordings


@dataclass(frozen=True)
class Source:
    """An undamaged recording: its format and encoding in libsndfile's words, and its bytes."""

    format: str
    encoding: str
    content: bytes

    @property
    def name(self) -> str:
        return f"{self.format}-{self.encoding}"


def sound(length: int, channels: int) -> NDArray[np.float64]:
    rng = np.random.default_rng(channels)
    tone = np.sin(2 * np.pi * 200 * np.arange(length) / 16_000)
    return tone[:, None] * np.linspace(0.2, 0.4, channels) + 0.01 * rng.standard_normal((length, channels))


def written(form: str, encoding: str, channels: int, rate: int = 16_000, length: int = 800) -> Source:
    file = io.BytesIO()
    soundfile.write(file, sound(length, channels), rate, subtype=encoding, format=form)
    return Source(form, encoding, file.getvalue())


def start_of(path: Path, length: int = 1600) -> Source:
    """The first 0.1 s of a real recording, with sizes that fit."""
    content = bytearray(path.read_bytes())
    start = content.index(b"data") + 8
    (channels,) = struct.unpack_from("<H", content, content.index(b"fmt ") + 10)
    content = content[: start + length * channels * 2]
    struct.pack_into("<I", content, 4, len(content) - 8)
    struct.pack_into("<I", content, start - 4, len(content) - start)
    struct.pack_into("<I", content, content.index(b"fact") + 8, length)
    return Source("WAVEX", "PCM_16", bytes(content))


def uncompressed_sources() -> list[Source]:
    whole = ("PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW")
    pairs = [(form, encoding) for form in WAVE_KIN for encoding in ("PCM_U8", *whole)]
    pairs += [(form, encoding) for form in ("AIFF", "AU", "CAF") for encoding in ("PCM_S8", *whole)]
    sources = [written(form, encoding, 1 + number % 2) for number, (form, encoding) in enumerate(pairs)]
    sources += [written("WAV", "PCM_16", 8), written("WAV", "PCM_16", 1, 8000), written("WAV", "PCM_24", 1, length=801)]
    return sources + [start_of(path) for path in sorted(REAL.rglob("*.wav"))[::12]]


def checked_sources() -> list[Source]:
    pairs = [("FLAC", "PCM_S8"), ("FLAC", "PCM_16"), ("FLAC", "PCM_24"), ("OGG", "VORBIS"), ("OGG", "OPUS")]
    return [written(form, encoding, channels, length=4000) for form, encoding in pairs for channels in (1, 2)]


def codec_sources() -> list[Source]:
    pairs = [("WAV", "IMA_ADPCM"), ("WAV", "MS_ADPCM"), ("W64", "IMA_ADPCM"), ("AIFF", "IMA_ADPCM"), ("CAF", "ALAC_16")]
    sources = [written(form, encoding, channels, length=4000) for form, encoding in pairs for channels in (1, 2)]
    mp3 = [written("MP3", "MPEG_LAYER_III", channels, length=12_000) for channels in (1, 2)]
    return [*sources, written("WAV", "GSM610", 1, length=4000), *mp3]


def exotic_sources() -> list[Source]:
    """Formats whose headers are left to libsndfile: here only crashes, hangs and memory are looked for."""
    forms = ("AVR", "HTK", "SVX", "MAT4", "MAT5", "MPC2K", "PAF", "PVF", "SDS", "IRCAM", "VOC", "NIST", "XI")
    return [written(form, "DPCM_16" if form == "XI" else "PCM_16", 1, length=2000) for form in forms]


# ----------------------------------------------------------------------------------------------- a process that reads


class Reader:
    """A process that reads recordings, one after the other, with little memory.  A new one follows one that died."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "clip.bin"
        self.process: subprocess.Popen[str] | None = None

    def read(self, content: bytes) -> dict[str, Any]:
        """The answer to a file of this content: ``error``, or ``rate``, ``channels``, ``duration`` and ``samples``.

        Raises
        ------
        AssertionError
            If the process crashes, takes too long or raises anything but a `BadClipError`.
        """
        path = self.path
        path.write_bytes(content)
        if self.process is None:
            self.process = self._start()
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(f"{path}\n")
            self.process.stdin.flush()
        answer = self._line(self.process.stdout)
        if answer is None:
            how = self._end()
            raise AssertionError(f"reading {how}:\n{packed(content)}")
        result: dict[str, Any] = json.loads(answer)
        assert "exception" not in result, f"{result['exception']}\n{packed(content)}"
        if "samples" in result:
            result["samples"] = np.frombuffer(base64.b64decode(result["samples"]), "<f4")
        return result

    def close(self) -> None:
        if self.process is not None:
            self._end()

    def _start(self) -> subprocess.Popen[str]:
        paths = os.pathsep.join([str(SCRIPTS), str(SUPPORT)])
        return subprocess.Popen(
            [sys.executable, "-W", "error", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # libmpg123 speaks up there
            text=True,
            env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        )

    def _line(self, stream: IO[str]) -> str | None:
        """The next line, None if the process ends or takes too long."""
        with selectors.DefaultSelector() as selector:
            selector.register(stream, selectors.EVENT_READ)
            if not selector.select(SECONDS if self._has_answered else 60.0):
                return None
        line = stream.readline()
        self._has_answered = bool(line)
        return line or None

    _has_answered = False

    def _end(self) -> str:
        """End the process, and say how it had ended by itself."""
        assert self.process is not None
        status = self.process.poll()
        self.process.kill()
        with contextlib.suppress(BrokenPipeError):
            self.process.communicate()
        self.process, self._has_answered = None, False
        if status is None:
            return f"took more than {SECONDS:g} s"
        return f"ended the process ({signal.Signals(-status).name if status < 0 else status})"


def serve() -> None:
    """What the process does: answer each path on standard input with a line of JSON."""
    import resource

    from asd.recordings.audio import BadClipError, read_clip

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # libsndfile prints to standard output now and then
    limit = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    descriptors = len(os.listdir("/proc/self/fd"))
    for line in sys.stdin:
        path = line.rstrip("\n")
        answer: dict[str, Any]
        try:
            clip = read_clip(path)
        except BadClipError as error:
            answer = {"error": str(error)}
        except BaseException as error:
            answer = {"exception": repr(error)}
        else:
            samples = base64.b64encode(clip.samples.astype("<f4").tobytes()).decode()
            answer = {
                "rate": clip.sample_rate,
                "channels": clip.channels,
                "duration": clip.duration,
                "samples": samples,
            }
        if len(os.listdir("/proc/self/fd")) != descriptors:
            answer = {"exception": "a file was left open"}
        print(json.dumps(answer), file=answers, flush=True)


def packed(content: bytes) -> str:
    """A file as text that can be pasted: ``zlib.decompress(base64.b64decode(...))``."""
    return base64.b64encode(zlib.compress(content, 9)).decode()


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    reader = Reader(tmp_path_factory.mktemp("hostile"))
    yield reader
    reader.close()


@pytest.mark.parametrize(
    ("fate", "message"), [(signal.SIGSTOP, "took more than 0.5 s"), (signal.SIGSEGV, r"ended the process \(SIGSEGV\)")]
)
def test_a_hang_and_a_crash_would_be_noticed(
    reader: Reader, monkeypatch: pytest.MonkeyPatch, fate: signal.Signals, message: str
) -> None:
    content = written("WAV", "PCM_16", 1).content
    reader.read(content)
    assert reader.process is not None
    reader.process.send_signal(fate)
    if fate == signal.SIGSEGV:
        reader.process.wait()
    with monkeypatch.context() as patch:
        patch.setattr(sys.modules[__name__], "SECONDS", 0.5)
        with pytest.raises(AssertionError, match=message):
            reader.read(content)
    assert "samples" in reader.read(content)


# ------------------------------------------------------------------------------------------------------------- damage

NUMBERS = (0, 1, 2, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x7FFFF000, 1 << 62, (1 << 64) - 1)

Damage = tuple[str, int, int, int]
"""Kind, place, and two numbers whose meaning depends on the kind."""

KINDS = ("flip", "set", "cut", "insert", "delete", "repeat", "number", "zeros", "splice", "swap")

damages: st.SearchStrategy[list[Damage]] = st.lists(
    st.tuples(st.sampled_from(KINDS), st.integers(0, 1 << 17), st.integers(0, 255), st.integers(0, 255)),
    min_size=1,
    max_size=3,
)


def place_of(number: int, length: int) -> int:
    """Half of all places are in the header."""
    return number // 2 % max(1, min(length, 128) if number % 2 else length)


def damaged(content: bytes, damage: Damage, others: Sequence[Source]) -> bytes:
    kind, number, first, second = damage
    place = place_of(number, len(content))
    before, after = content[:place], content[place:]
    count = first % 16 + 1 if second % 2 else first + 1
    match kind:
        case "flip":
            return before + bytes([byte ^ 1 << first % 8 for byte in after[:1]]) + after[1:]
        case "set":
            return before + bytes([first])[: len(after)] + after[1:]
        case "cut":
            return content[: max(0, len(content) - count)] if number % 2 else before
        case "insert":
            return before + bytes([second]) * count + after
        case "delete":
            return before + after[count:]
        case "repeat":
            return before + after[:count] + after
        case "number":
            width = (2, 4, 8)[second % 3]
            value = (NUMBERS[first % len(NUMBERS)] & (1 << 8 * width) - 1).to_bytes(
                width, "big" if second & 8 else "little"
            )
            return before + value[: len(after)] + after[width:]
        case "zeros":
            return before + bytes(len(after[:count])) + after[count:]
        case "splice":
            other = others[first % len(others)].content
            return before + other[place_of(second * 257, len(other)) :]
        case _:
            return before + after[count : 2 * count] + after[:count] + after[2 * count :]


# ----------------------------------------------------------------------------------------------------------- judgement


def fingerprint(answer: dict[str, Any]) -> tuple[Any, ...]:
    digest = hashlib.sha256(answer["samples"].tobytes()).hexdigest()
    return answer["rate"], answer["channels"], answer["duration"], digest


def judge(content: bytes, answer: dict[str, Any], undamaged: set[tuple[Any, ...]]) -> str:
    """What became of a damaged file, in a few words.

    Raises
    ------
    AssertionError
        If damage was accepted silently.
    """
    if "error" in answer:
        assert "clip.bin: " in answer["error"]
        assert "\n" not in answer["error"]
        return f"refused: {reason(answer['error'])}"
    samples = answer["samples"]
    assert len(samples) >= 400
    assert np.isfinite(samples).all()
    assert samples.min() < samples.max()
    if fingerprint(answer) in undamaged:
        return "read as if undamaged"
    assert content[:4] not in (b"fLaC", b"OggS"), "damage to a file with check sums was accepted"
    assert content[:3] != b"ID3", "damage to a file with check sums may have been accepted"
    try:
        plain = plain_recording(content)
    except UnknownCodecError:
        return "read, can't be compared (codec)"
    except NotPlainError as error:
        raise AssertionError(f"was accepted, though the plain decoder says: {error}") from None
    assert abs(answer["rate"] - plain.rate) < 1
    assert answer["channels"] == plain.samples.shape[1]
    assert answer["duration"] == pytest.approx(len(plain.samples) / answer["rate"])
    with warnings.catch_warnings(action="ignore"):
        expected = plain.samples.mean(axis=1).astype(np.float32)
        if answer["rate"] != 16_000:
            expected = soxr.resample(expected, answer["rate"], 16_000)
    np.testing.assert_allclose(samples, expected, rtol=0, atol=2e-6 * max(1.0, float(np.abs(expected).max())))
    return "read as the plain decoder does"


FFMPEG = shutil.which("ffmpeg") if "FUZZ" in os.environ else None
FALSE_REFUSALS = 0.03  # of all refusals


def sound_of_ffmpeg(path: Path) -> bytes:
    """What ffmpeg decodes, whatever it complains of: float32, of all channels; nothing if it gives up."""
    assert FFMPEG is not None
    command = [FFMPEG, "-nostdin", "-v", "quiet", "-i", str(path), "-map", "0:a:0", "-f", "f32le", "-"]
    with contextlib.suppress(subprocess.TimeoutExpired):
        return subprocess.run(command, capture_output=True, timeout=60).stdout
    return b""


def reason(message: str) -> str:
    words = (
        "truncated",
        "contradicts itself",
        "not readable",
        "damaged",
        "silent",
        "NaN",
        "shorter than",
        "sample rate",
    )
    return next((word for word in words if word in message), "other")


def test_any_damage_is_refused_or_read_rightly(reader: Reader) -> None:
    sources = uncompressed_sources() + checked_sources() + codec_sources() + exotic_sources()
    answers, by_ffmpeg = [], []
    for source in sources:
        answers.append(reader.read(source.content))
        by_ffmpeg.append(sound_of_ffmpeg(reader.path) if FFMPEG else b"")
    assert not [(source.name, answer) for source, answer in zip(sources, answers, strict=True) if "error" in answer]
    undamaged = {fingerprint(answer) for answer in answers}
    outcomes: Counter[str] = Counter()
    refused_falsely: Counter[str] = Counter()
    accepted_wrongly: list[str] = []

    @hypothesis.given(st.integers(0, len(sources) - 1), damages)
    @hypothesis.settings(
        max_examples=INPUTS,
        deadline=None,
        database=None,
        derandomize="FUZZ_SEED" not in os.environ,
        suppress_health_check=list(hypothesis.HealthCheck),
        print_blob=True,
    )
    def try_one(number: int, damage: list[Damage]) -> None:
        content = sources[number].content
        for one in damage:
            content = damaged(content, one, sources)
        answer = reader.read(content)
        name = sources[number].name
        try:
            outcomes[judge(content, answer, undamaged)] += 1
            if FFMPEG and "error" in answer and by_ffmpeg[number] and sound_of_ffmpeg(reader.path) == by_ffmpeg[number]:
                refused_falsely[f"{name}: {answer['error'].partition('clip.bin: ')[2]}"] += 1
            if FFMPEG and "error" not in answer and name.startswith("MP3"):
                length = len(sound_of_ffmpeg(reader.path)) // 4 // answer["channels"]
                assert length == round(answer["duration"] * answer["rate"]), f"ffmpeg finds {length} samples"
        except AssertionError as error:
            accepted_wrongly.append(f"{name} {damage}: {error}\n{packed(content)}")

    if "FUZZ_SEED" in os.environ:
        try_one = hypothesis.seed(int(os.environ["FUZZ_SEED"]))(try_one)
    try_one()
    print(f"\n{sum(outcomes.values())} damaged files:")
    for outcome, count in outcomes.most_common():
        print(f"{count:7d}  {outcome}")
    print(f"{refused_falsely.total():7d}  of them refused, though ffmpeg decodes the undamaged sound:")
    for outcome, count in refused_falsely.most_common():
        print(f"{count:15d}  {outcome}")
    assert not accepted_wrongly, f"{len(accepted_wrongly)} accepted wrongly:\n" + "\n".join(accepted_wrongly)
    refused = sum(count for outcome, count in outcomes.items() if outcome.startswith("refused"))
    assert refused_falsely.total() <= FALSE_REFUSALS * refused
    assert outcomes["read as the plain decoder does"]
    assert outcomes["refused: truncated"]


# ---------------------------------------------------------------------------------------------- one thing at a time


def name_of(source: Source) -> str:
    return source.name


def whole_length(source: Source) -> int:
    """Bytes up to the end of the audio: a pad byte may follow."""
    if source.encoding == "GSM610" or (source.format == "CAF" and source.encoding.startswith("ALAC")):
        return len(source.content) - 1
    if source.format in ("WAV", "AIFF") and source.content[-1] == 0:
        return len(source.content) - 1
    return len(source.content)


@pytest.mark.parametrize("source", uncompressed_sources() + checked_sources() + codec_sources(), ids=name_of)
def test_a_truncated_file_is_refused(reader: Reader, source: Source) -> None:
    whole = whole_length(source)
    for length in {*range(whole - 9, whole), *np.linspace(0, whole - 1, 12).astype(int).tolist()}:
        answer = reader.read(source.content[:length])
        assert "error" in answer, f"{length} of {whole} bytes were accepted"


def format_fields(source: Source) -> range:
    """Bytes of the fields of the format chunk: tag, channels, both rates, block align and bits."""
    start = source.content.index(b"fmt ") + (24 if source.format == "W64" else 8)
    return range(start, start + 16)


def is_unknowable(source: Source, place: int, before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Whether nothing in the header can tell that a bit was flipped."""
    fields = format_fields(source)
    if source.encoding in ("ALAW", "ULAW"):  # the one law for the other
        return place == fields[0] or source.content[fields[0] : fields[0] + 2] == b"\xfe\xff"
    if source.encoding in CODECS:
        return bool(abs(after["rate"] - before["rate"]) <= RATE_UNKNOWABLE * before["rate"])
    return False


@pytest.mark.parametrize(
    "source", [one for one in uncompressed_sources() + codec_sources() if one.format in WAVE_KIN], ids=name_of
)
def test_a_flipped_bit_in_the_format_changes_nothing_or_is_refused(reader: Reader, source: Source) -> None:
    before = reader.read(source.content)
    fields = [*format_fields(source)]
    if source.format == "WAVEX" and source.encoding in ("PCM_16", "PCM_32", "FLOAT"):
        fields += range(fields[0] + 16, fields[0] + 40)
    for place in fields:
        for bit in range(8):
            content = bytearray(source.content)
            content[place] ^= 1 << bit
            after = reader.read(bytes(content))
            if "error" not in after and fingerprint(after) != fingerprint(before):
                assert is_unknowable(source, place, before, after), f"bit {bit} of byte {place}"


@pytest.mark.parametrize("source", checked_sources(), ids=name_of)
def test_a_flipped_bit_anywhere_in_a_file_with_check_sums_changes_nothing_or_is_refused(
    reader: Reader, source: Source
) -> None:
    before = fingerprint(reader.read(source.content))
    rng = np.random.default_rng(0)
    for place in rng.choice(len(source.content), 60, replace=False):
        content = bytearray(source.content)
        content[place] ^= 1 << int(rng.integers(8))
        after = reader.read(bytes(content))
        assert "error" in after or fingerprint(after) == before, f"byte {place}"


def test_headers_that_claim_gigabytes_are_refused_at_once(reader: Reader) -> None:
    """`Reader` has 1.5 GB and 5 s for each."""
    for source in (uncompressed_sources() + checked_sources() + codec_sources())[::4]:
        content = source.content
        for place in range(4, 60, 2):
            for number in (b"\xff\xff\xff\x7f", b"\x07\xff\xff\xff"):
                answer = reader.read(content[:place] + number + content[place + 4 :])
                assert "error" in answer or len(answer["samples"]) <= 70_000


if __name__ == "__main__":
    serve()
