"""The file of a model: an ONNX graph, what it says of itself, and a seal over both.

ONNX is a protocol buffer, and of those a file may be continued with further fields.  What a model says of itself and
the seal are its last two, so that they are read without the ``onnx`` package, and the seal vouches for every byte
before it: a damaged file is refused before ONNX Runtime sees it.  Nothing in a file is executed but operators of ONNX.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import UserError
from ..files import StrPath
from ..files.atomic import whole_file
from .metadata import Metadata, MetadataError

LARGEST = 2**30  # bytes of a model file, a hundred times those of this workflow

ABOUT_KEY, SEAL_KEY = "asd", "asd_seal"

FEATURES_KIND = "features"
"""What ``kind`` says in the file that computes the features (`.feature_graph`)."""

_METADATA_FIELD = 14  # metadata_props of onnx.ModelProto: entries with key (1) and value (2)
_LENGTH_DELIMITED = 2


@dataclass(frozen=True)
class ModelFile:
    """The content of a model file.

    Attributes
    ----------
    graph
        What ONNX Runtime is given: all of it.
    """

    graph: bytes
    about: Metadata


def write_model(path: StrPath, graph: bytes, about: Metadata) -> None:
    """Write a model, whole or not at all.

    Parameters
    ----------
    graph
        A serialised ``onnx.ModelProto``.
    """
    write_sealed(path, graph, about.to_json())


def write_sealed(path: StrPath, graph: bytes, about: str) -> None:
    """Write a serialised ``onnx.ModelProto`` with JSON of what it says of itself, whole or not at all."""
    with whole_file(path) as temporary:
        temporary.write_bytes(with_seal(graph + _entry(ABOUT_KEY, about)))


def with_seal(content: bytes) -> bytes:
    """A serialised ``onnx.ModelProto`` and its seal."""
    return content + _seal(content)


def read_model(path: StrPath) -> ModelFile:
    """Read what `write_model` wrote.

    Raises
    ------
    UserError
        If the file is missing, damaged, of another format, or no model of this package.
    """
    content = read_sealed(path)
    try:
        text = dict(metadata_entries(content))[ABOUT_KEY]
        if _is_feature_extractor(text):
            raise UserError(
                f"{path}: this is no model of a machine, but the file that computes the features for programs without "
                "this package. Give one of results/models/<machine>/<run>/."
            )
        return ModelFile(content, Metadata.from_json(text))
    except MetadataError as error:
        raise UserError(f"{path}: this model can't be used: {error}.") from error
    except (KeyError, ValueError) as error:
        raise UserError(
            f"{path}: this is no model of a machine ({error}). Give one of results/models/<machine>/<run>/."
        ) from error


def _is_feature_extractor(about: str) -> bool:
    try:
        values = json.loads(about)
    except (ValueError, RecursionError):
        return False  # which `Metadata.from_json` says
    return isinstance(values, dict) and values.get("kind") == FEATURES_KIND


def read_sealed(path: StrPath) -> bytes:
    """The bytes of an ONNX file that `with_seal` sealed.

    Raises
    ------
    UserError
        If it can't be read, or does not match its seal.
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise UserError(f"{path}: is a folder. Give a model file (.onnx), or a folder with --model-for.")
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise UserError(f"{path}: the model can't be read ({error.strerror or error}).") from error
    if len(content) > LARGEST:
        raise UserError(f"{path}: is larger than any model ({LARGEST / 2**20:.0f} MB).")
    body = content[: -len(_seal(b""))]
    if content != with_seal(body):
        raise UserError(
            f"{path}: this is no model of this package, or it is damaged: its seal does not match. Copy it again, or "
            "make it again with the workflow."
        )
    return content


def _seal(content: bytes) -> bytes:
    return _entry(SEAL_KEY, hashlib.sha256(content).hexdigest())


def _entry(key: str, value: str) -> bytes:
    """A field ``metadata_props`` of ``onnx.ModelProto``."""
    pair = _field(1, key.encode()) + _field(2, value.encode())
    return _field(_METADATA_FIELD, pair)


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | _LENGTH_DELIMITED) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def metadata_entries(content: bytes) -> Iterator[tuple[str, str]]:
    """Keys and values of the metadata of a serialised ``onnx.ModelProto``, in their order.

    Raises
    ------
    ValueError
        If it is no protocol buffer.
    """
    for number, value in _fields(content):
        if number == _METADATA_FIELD and isinstance(value, bytes):
            pair = dict(_fields(value))
            key, text = pair.get(1, b""), pair.get(2, b"")
            if isinstance(key, bytes) and isinstance(text, bytes):
                yield key.decode(), text.decode()


def _fields(content: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Numbers and values of the fields of a protocol buffer."""
    position = 0
    while position < len(content):
        tag, position = _read_varint(content, position)
        number, kind = tag >> 3, tag & 7
        if kind == 0:
            value, position = _read_varint(content, position)
            yield number, value
            continue
        if kind not in (1, _LENGTH_DELIMITED, 5):
            raise ValueError(f"field {number} is of kind {kind}, which there is none of")
        length = {1: 8, 5: 4}.get(kind, 0)
        if kind == _LENGTH_DELIMITED:
            length, position = _read_varint(content, position)
        if position + length > len(content):
            raise ValueError(f"field {number} ends behind the file")
        yield number, content[position : position + length]
        position += length


def _read_varint(content: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while position < len(content) and shift < 64:
        byte = content[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
    raise ValueError("a number ends behind the file")
