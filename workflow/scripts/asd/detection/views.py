"""What detectors can be given of a clip: the names of representations and projections, as the configuration has them.

A module of its own, without NumPy, since the plan of a run reads them on machines that have none.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

from ..classification.widths import EMBEDDING_WIDTH
from ..features.columns import N_FEATURES, count_columns

Representation = Literal["denoised", "raw", "raw+denoised", "residual", "log-mel", "log-mel+denoised", "id-embedding"]
REPRESENTATIONS: tuple[Representation, ...] = get_args(Representation)
"""See `.representations`."""

WITHOUT_DDAE: tuple[Representation, ...] = ("raw", "log-mel", "id-embedding")
"""Those that have nothing of the DDAE's output."""

WITHOUT_SCALING: tuple[Representation, ...] = ("log-mel", "id-embedding")
"""Those of them that do not even have its scaling, and so are the same whatever it was trained with."""

ID_EMBEDDING: Representation = "id-embedding"
"""That of the ID classifier."""


def columns_seen(representation: Representation, features: Iterable[str], networks: int = 1) -> int:
    """Number of columns that a representation has of clips with some sets of features.

    Parameters
    ----------
    networks
        Of the ID classifier.
    """
    if representation == ID_EMBEDDING:
        return EMBEDDING_WIDTH * networks
    # only log-mel has those that the DDAE does not see
    return count_columns(features) if representation == "log-mel" else N_FEATURES * len(representation.split("+"))


ProjectionName = Literal["map-pca", "whitening", "standard", "none"]
PROJECTIONS: tuple[ProjectionName, ...] = get_args(ProjectionName)
"""See `.projections`."""
