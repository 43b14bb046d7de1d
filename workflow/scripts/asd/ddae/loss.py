"""Loss curves of a training as a file."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..errors import UserError
from ..files import StrPath
from ..files.atomic import whole_file
from ..files.integrity import sealed, unsealed
from .denoiser import NETWORKS


def write_loss(loss: Mapping[str, Sequence[float]], path: StrPath) -> None:
    """Write the loss curves as CSV: epoch, the mean squared error of each network, and a checksum in the last line."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["epoch", *loss, "checksum"])
    epochs = zip(*loss.values(), strict=True)
    writer.writerows([str(epoch), *map(repr, values), ""] for epoch, values in enumerate(epochs, start=1))
    with whole_file(path) as temporary:
        temporary.write_text(sealed(text.getvalue()), encoding="utf-8", newline="\n")


def read_loss(path: StrPath) -> dict[str, list[float]]:
    """Read what `write_loss` wrote: network -> mean squared error of each epoch.

    Raises
    ------
    UserError
        If the file is damaged.
    """
    try:
        rows = list(csv.DictReader(io.StringIO(unsealed(Path(path).read_text(encoding="utf-8")))))
        return {name: [float(row[name]) for row in rows] for name in NETWORKS}
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise UserError(f"{path}: no loss curves ({error}). Delete the file and run again.") from error
