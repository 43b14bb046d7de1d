"""What a training says of itself: loss curves, whether it went well, and both as a file."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..files import StrPath
from ..files.atomic import whole_file
from ..files.integrity import sealed, unsealed
from ..files.origin import Origin
from .denoiser import NETWORKS

LEAST_FALL = 0.2
"""Of the first loss: a training whose loss fell by less has hardly begun."""

LEAST_SPREAD = 0.1
"""Of the input's standard deviation: an output that varies by less is nearly the same for every clip."""

_FEWEST_TO_JUDGE = 5  # held-out clips; the loss of fewer says more of these clips than of the training
_VALIDATION = "_validation"


@dataclass(frozen=True)
class Curve:
    """The training of one network.

    Attributes
    ----------
    training
        Mean squared errors: of each epoch, averaged over its rows; or of the untrained network, and then averaged over
        the steps since the value before.
    validation
        Those of the held-out clips under noise that stays the same, at the same steps; empty where none are held out.
    every
        Steps from value to value; 0 where each is of an epoch.
    kept
        Number of the value, from 0, at which the weights were those that were kept.
    held_out
        Number of clips that were held out.
    spread
        Standard deviation of the network's output for the clips that train it, in units of that of its input, both
        averaged over the columns that vary; None where none does.
    """

    training: list[float]
    validation: list[float]
    every: int
    kept: int
    held_out: int = 0
    spread: float | None = None

    @property
    def unit(self) -> str:
        """What the values are counted in."""
        return "step" if self.every else "epoch"

    @property
    def places(self) -> list[int]:
        """Epoch or step of each value."""
        count = len(self.training)
        return [self.every * number for number in range(count)] if self.every else list(range(1, count + 1))

    @property
    def is_judged_by_validation(self) -> bool:
        """Whether enough clips are held out for their loss to tell whether the training went well."""
        return self.held_out >= _FEWEST_TO_JUDGE

    @property
    def first_and_kept(self) -> tuple[float, float]:
        """The loss that tells whether a training went well, at its beginning and of the weights that were kept: of the
        held-out clips, unless these are too few to tell."""
        values = self.validation if self.is_judged_by_validation else self.training
        return values[0], values[self.kept]

    def complaints(self) -> list[str]:
        """What went wrong, in words without a subject; nothing if it went well.

        Examples
        --------
        >>> Curve([0.0804, 0.0785], [], 0, 1, spread=0.001).complaints()
        ['its loss fell by 2.4 % only (0.0804 to 0.0785)', 'its output varies 0.1 % as much as its input']
        """
        first, kept = self.first_and_kept
        found = []
        if not kept <= (1 - LEAST_FALL) * first:
            what = "its loss on held-out clips" if self.is_judged_by_validation else "its loss"
            fell = f"fell by {1 - kept / first:.1%} only" if kept < first else "did not fall"
            found.append(f"{what} {fell.replace('%', ' %')} ({first:.3g} to {kept:.3g})")
        if self.spread is not None and not self.spread >= LEAST_SPREAD:
            found.append(f"its output varies {self.spread:.1%} as much as its input".replace("%", " %", 1))
        return found


Curves = Mapping[str, Curve]
"""Network -> its training."""


def complaints_of(curves: Curves) -> list[str]:
    """What went wrong with a training, a clause for each network that has not learned; nothing if all have.

    >>> complaints_of({"mfcc": Curve([0.08, 0.079], [], 0, 1, spread=0.5), "basic": Curve([0.08, 0.01], [], 0, 1)})
    ['mfcc network: its loss fell by 1.2 % only (0.08 to 0.079)']
    """
    found = {name: curve.complaints() for name, curve in curves.items()}
    return [f"{name} network: {' and '.join(clauses)}" for name, clauses in found.items() if clauses]


# ----------------------------------------------------------------------------------------------------------- as a file


def write_loss(curves: Curves, path: StrPath, origin: Origin | None = None) -> None:
    """Write the curves as CSV: epoch or step, mean squared error of each network, also of held-out clips if there are
    any, and in the last line what else is to be said of them and whose they are (both as JSON) and a checksum.

    Of networks that took different numbers of steps, the shorter curve ends in empty cells.
    """
    columns = {name: curve.training for name, curve in curves.items()}
    columns |= {f"{name}{_VALIDATION}": curve.validation for name, curve in curves.items() if curve.validation}
    longest = max(curves.values(), key=lambda curve: len(curve.training))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([longest.unit, *columns, "about", "origin", "checksum"])
    lines = [
        [str(place), *(repr(values[number]) if number < len(values) else "" for values in columns.values()), "", "", ""]
        for number, place in enumerate(longest.places)
    ]
    about = {
        name: {"every": curve.every, "kept": curve.kept, "held_out": curve.held_out, "spread": curve.spread}
        for name, curve in curves.items()
    }
    lines[-1][-3:-1] = [json.dumps(about), json.dumps((origin or Origin()).values())]
    writer.writerows(lines)
    with whole_file(path) as temporary:
        temporary.write_text(sealed(text.getvalue()), encoding="utf-8", newline="\n")


def read_loss(path: StrPath, expected: Origin | None = None) -> dict[str, Curve]:
    """Read what `write_loss` wrote.

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
        about = json.loads(rows[-1]["about"])
        return {name: _curve(rows, name, about[name]) for name in NETWORKS}
    except (KeyError, IndexError, TypeError, ValueError, csv.Error, RecursionError) as error:
        raise UserError(f"{path}: no loss curves to use ({error}). Delete the file and run again.") from error


def _curve(rows: list[dict[str, str]], name: str, about: Mapping[str, Any]) -> Curve:
    """The curve of a network.

    Raises
    ------
    KeyError, TypeError, ValueError
        If there is none, or it does not fit together.
    """
    held_out, spread = int(about["held_out"]), about["spread"]
    training = list(_numbers(rows, name))
    validation = list(_numbers(rows, f"{name}{_VALIDATION}")) if held_out else []
    curve = Curve(
        training,
        validation,
        every=int(about["every"]),
        kept=int(about["kept"]),
        held_out=held_out,
        spread=None if spread is None else float(spread),
    )
    if not 0 <= curve.kept < len(training) or len(validation) not in (0, len(training)):
        raise ValueError(f"the curves of the {name} network do not fit together")
    if [row[curve.unit] for row in rows[: len(training)]] != list(map(str, curve.places)):
        raise ValueError(f"the {curve.unit}s are not those of the training")
    return curve


def _numbers(rows: list[dict[str, str]], column: str) -> Iterator[float]:
    """Cells of a column as numbers, but for empty ones at its end."""
    cells = [row[column] for row in rows]
    while cells and not cells[-1]:
        cells.pop()
    for cell in cells:
        if math.isinf(value := float(cell)):
            raise ValueError(f"{column} holds infinite values")
        yield value
