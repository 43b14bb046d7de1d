"""Why a recording got its score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .model import Model


@dataclass(frozen=True)
class Explanation:
    """To be written."""


def explain(model: Model, file: str, detector: str | None = None) -> Explanation:
    """To be written."""
    raise NotImplementedError
