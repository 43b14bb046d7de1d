"""Loss curves of a training as a file."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..errors import UserError
from ..files import StrPath
from ..files.atomic import whole_file
from ..files.integrity import sealed, unsealed
from ..files.origin import Origin
from .denoiser import NETWORKS


def write_loss(loss: Mapping[str, Sequence[float]], path: StrPath, origin: Origin | None = None) -> None:
    """Write the loss curves as CSV: epoch, mean squared error of each network, and in the last line whose they are (as
    JSON) and a checksum."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["epoch", *loss, "origin", "checksum"])
    lines = [
        [str(epoch), *map(repr, values), "", ""] for epoch, values in enumerate(zip(*loss.values(), strict=True), 1)
    ]
    lines[-1][-2] = json.dumps((origin or Origin()).values())
    writer.writerows(lines)
    with whole_file(path) as temporary:
        temporary.write_text(sealed(text.getvalue()), encoding="utf-8", newline="\n")


def read_loss(path: StrPath, expected: Origin | None = None) -> dict[str, list[float]]:
    """Read what `write_loss` wrote: network -> mean squared error of each epoch.

    Parameters
    ----------
    expected
        Of whose training they have to be.

    Raises
    ------
    UserError
        If the file is damaged or another one's.
    """
    try:
        rows = list(csv.DictReader(io.StringIO(unsealed(Path(path).read_text(encoding="utf-8")))))
        Origin.of(json.loads(rows[-1]["origin"])).require(expected)
        return {name: [float(row[name]) for row in rows] for name in NETWORKS}
    except (KeyError, IndexError, TypeError, ValueError, csv.Error) as error:
        raise UserError(f"{path}: no loss curves to use ({error}). Delete the file and run again.") from error
