"""What detectors can be given of a clip: the names of representations and projections, as the configuration has them.

A module of its own, without NumPy, since the plan of a run reads them on machines that have none.
"""

from __future__ import annotations

from typing import Literal, get_args

Representation = Literal["denoised", "raw", "raw+denoised", "residual", "log-mel", "log-mel+denoised", "id-embedding"]
REPRESENTATIONS: tuple[Representation, ...] = get_args(Representation)
"""See `.representations`."""

WITHOUT_DDAE: tuple[Representation, ...] = ("raw", "log-mel", "id-embedding")
"""Those that have nothing of the DDAE's output."""

ID_EMBEDDING: Representation = "id-embedding"
"""That of the ID classifier."""

ProjectionName = Literal["map-pca", "whitening", "standard", "none"]
PROJECTIONS: tuple[ProjectionName, ...] = get_args(ProjectionName)
"""See `.projections`."""
