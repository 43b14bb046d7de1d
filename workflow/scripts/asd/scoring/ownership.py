"""Pages and figures replace earlier ones of their own, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import UserError
from .markup import is_page_of

_PNG = b"\x89PNG\r\n\x1a\n"
_BEGINNING = 4096  # bytes


def require_png(path: Path, option: str) -> None:
    """Refuse names of figures that do not end in ``.png``.

    Raises
    ------
    UserError
        The message names the `option` that would give another one.
    """
    if path.suffix.lower() != ".png":
        raise UserError(f"{path}: the name of the figure has to end in .png. Choose another one with {option}.")


def require_own(path: Path, generator: str, option: str) -> None:
    """Refuse to write where something else is than an earlier page or figure.

    Parameters
    ----------
    generator
        What pages (`.markup.document`) and PNG files (``Software``) say that they were made by.
    option
        Of the command line, that would give another name.

    Raises
    ------
    UserError
        If something else is there, or if it can't be read.
    """
    if _is_of_others(path, generator):
        raise UserError(
            f"{path}: something that {generator} did not write is there, and stays as it is. Choose another name with "
            f"{option}."
        )


def _is_of_others(path: Path, generator: str) -> bool:
    try:
        if not path.is_file():
            return os.path.lexists(path)
        with path.open("rb") as file:
            beginning = file.read(_BEGINNING)
    except OSError:  # may not be read: whose it is, is not known
        return True
    is_own_figure = beginning.startswith(_PNG) and f"Software\0{generator}".encode() in beginning
    return not (is_own_figure or is_page_of(generator, beginning))
