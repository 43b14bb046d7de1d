"""Whose a file is, and what it was made from.

Every file that a job reads from another one says it: clip lists in columns, scores in their summary, NumPy archives and
loss curves in a part called ``origin``.  Whoever reads it knows from the plan what it has to be, so that a file of
another ID or seed, of another run, or made from something that has changed since is refused and not used.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

NOTHING = "nothing"
"""What is made from no recordings at all."""

_WORDS = {
    "machine": "machine",
    "snr": "SNR",
    "id": "ID",
    "kind": "kind of clips",
    "noise_factor": "noise factor",
    "seed": "seed",
    "protocol": "protocol",
}


def digest(values: Any) -> str:
    """16 hexadecimal digits that stand for values that JSON knows; the order within a mapping does not count."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Origin:
    """Whose a file is, and what it was made from; every value as text, empty where there is none.

    Attributes
    ----------
    settings
        Stands for all settings that decide the content, also for those of what it was made from.
    made_from
        Stands for the content of what it was made from.
    code
        Hash of the code that made it.  It is for the plan alone: a reader does not mind.

    Examples
    --------
    >>> Origin("fan", id="id_02").difference(Origin("fan", id="id_00"))
    'it is of ID id_02, not id_00'
    """

    machine: str = ""
    snr: str = ""
    id: str = ""
    kind: str = ""
    noise_factor: str = ""
    seed: str = ""
    protocol: str = ""
    settings: str = ""
    made_from: str = ""
    code: str = ""

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Origin:
        """From what `values` gave.

        Raises
        ------
        ValueError
            If it is something else.
        """
        try:
            return cls(**{name: str(value) for name, value in values.items()})
        except (TypeError, AttributeError):
            raise ValueError("it does not say whose it is") from None

    def values(self) -> dict[str, str]:
        """Its fields as far as there are any."""
        return {name: value for name, value in vars(self).items() if value}

    def difference(self, expected: Origin) -> str:
        """In words, what a file of this origin has that it should not have; nothing if it is as expected.

        Parameters
        ----------
        expected
            What it was made from is not looked at if it does not say it, nor is its code.
        """
        if self == Origin():
            return "it does not say whose it is"
        others = {name: (getattr(self, name), getattr(expected, name)) for name in _WORDS}
        wrong = [
            f"{_WORDS[name]} {own or '?'}, not {other or '?'}" for name, (own, other) in others.items() if own != other
        ]
        if wrong:
            return f"it is of {', of '.join(wrong)}"
        if self.settings != expected.settings:
            return "it was made with other settings than those of the configuration"
        if expected.made_from and self.made_from != expected.made_from:
            return "it was made from other files than those that are there now"
        return ""

    def require(self, expected: Origin | None) -> None:
        """Refuse what is not as expected.

        Raises
        ------
        ValueError
            With the `difference`.
        """
        wrong = "" if expected is None else self.difference(expected)
        if wrong:
            raise ValueError(wrong)


Origins = Mapping[str, Any]
"""What the plan gives to a job: a name -> `Origin.values` of a file, or a list of them for several."""


class Digested(dict[str, Any]):
    """A mapping whose text is a digest of it, for those who keep and compare the text: a line in place of kilobytes.

    Examples
    --------
    >>> Digested(own=[{"machine": "fan"}])
    'digest a75b6093dbda18ac'
    """

    def __repr__(self) -> str:
        return repr(f"digest {digest(self)}")

    def __reduce__(self) -> tuple[type, tuple[dict[str, Any]]]:
        """Whoever is sent it gets a plain mapping."""
        return dict, (dict(self),)


def origins_of(about: Origins, name: str) -> list[Origin]:
    """Whose several files have to be."""
    return [Origin.of(values) for values in about[name]]


def made_from(checksums: Sequence[str]) -> str:
    """What a file says that is made from several others, in their order."""
    return digest(list(checksums))
