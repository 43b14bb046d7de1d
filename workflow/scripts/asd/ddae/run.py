"""What tells one training of a machine's DDAE, and all that follows from it, from another."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..splits import PROTOCOLS, ProtocolName

ALL = "all"
"""Stands for the noise factor or seed of an ensemble over several of them, in tables and in names of files."""

ALL_MACHINES = "all machines"
"""Stands for the mean over the machines in tables."""

_PROTOCOL_OF = {protocol.suffix: name for name, protocol in PROTOCOLS.items()}
_SUFFIX = "|".join(map(re.escape, _PROTOCOL_OF))
_NAME = re.compile(rf"nf(?P<noise_factor>[^_]+)_seed(?P<seed>\d+|{ALL})(?P<suffix>{_SUFFIX})")


def suffix_of(protocol: ProtocolName) -> str:
    """What ends the names of files of a protocol: nothing for the paper's."""
    return PROTOCOLS[protocol].suffix


def noise_factor_text(noise_factor: float | None) -> str:
    """The one spelling of a noise factor: 1 and 1.0 are the same; None, for an ensemble over several, is ``all``."""
    if noise_factor is None:
        return ALL
    return str(int(noise_factor)) if noise_factor == int(noise_factor) else repr(float(noise_factor))


@dataclass(frozen=True)
class Run:
    """A training of a machine's DDAE, or the ensembles over several.

    Attributes
    ----------
    noise_factor, seed
        None stands for all those of the configuration.
    protocol
        Whose splits, scaling and thresholds.

    Examples
    --------
    >>> str(Run(0.7, 0, "strict"))
    'nf0.7_seed0_strict'
    >>> Run.parse("nf1_seedall")
    Run(noise_factor=1.0, seed=None, protocol='paper')
    """

    noise_factor: float | None
    seed: int | None
    protocol: ProtocolName

    @classmethod
    def of(cls, noise_factor: str, seed: str, protocol: ProtocolName) -> Run:
        """From the texts of noise factor and seed, as `noise_factor_text` and `seed_text` give them.

        Raises
        ------
        ValueError
            If one is neither a number nor ``all``.
        """
        factor = None if noise_factor == ALL else float(noise_factor)
        return cls(factor, None if seed == ALL else int(seed), protocol)

    @classmethod
    def parse(cls, name: str) -> Run:
        """The run that a file or folder is called after.

        Raises
        ------
        ValueError
            If it is not called after a run.
        """
        found = _NAME.fullmatch(name)
        if found is None:
            raise ValueError(f"{name!r} is not the name of a run, such as nf0.7_seed0_strict")
        return cls.of(found["noise_factor"], found["seed"], _PROTOCOL_OF[found["suffix"]])

    @property
    def noise_factor_text(self) -> str:
        """As in names of files and in tables."""
        return noise_factor_text(self.noise_factor)

    @property
    def seed_text(self) -> str:
        """As in names of files and in tables."""
        return ALL if self.seed is None else str(self.seed)

    @property
    def is_training(self) -> bool:
        """Whether there is a DDAE of just this noise factor and seed."""
        return self.noise_factor is not None and self.seed is not None

    def __str__(self) -> str:
        return f"nf{self.noise_factor_text}_seed{self.seed_text}{suffix_of(self.protocol)}"
