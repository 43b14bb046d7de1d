"""What can be simulated, for the plan of a run: needs no NumPy."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..errors import UserError
from .machines import find_machine

_SNR_FORM = re.compile(r"[+-]?[0-9]{1,3}(\.[0-9]+)?_dB")


def snr_db_of(text: str) -> float:
    """The SNR in dB that a folder of MIMII names: ``"-6_dB"`` is -6.0.

    Raises
    ------
    UserError
        If `text` is not of that form.
    """
    if not _SNR_FORM.fullmatch(text):
        raise UserError(
            f"SNR {text!r}: can't be simulated, a number of decibels of up to three digits before the point and _dB "
            'are expected, such as "6_dB", "0_dB" or "-6_dB".'
        )
    return float(text.removesuffix("_dB"))


def problems(machines: Iterable[str], snrs: Iterable[str]) -> list[str]:
    """A sentence for each machine, and for each text of an SNR, that can't be simulated."""
    found = []
    for check, names in ((find_machine, machines), (snr_db_of, snrs)):
        for name in names:
            try:
                check(name)
            except UserError as error:
                found.append(str(error))
    return found
