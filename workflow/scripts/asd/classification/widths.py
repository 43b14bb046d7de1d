"""Sizes of the ID classifier's networks.  A module of its own, without NumPy, since the plan of a run reads it."""

from __future__ import annotations

HIDDEN_WIDTHS = (128, 128)
"""Units of the layers between input and embedding, each normalised (Ba, Kiros & Hinton, 2016) and followed by SiLU."""

EMBEDDING_WIDTH = 64
EMBEDDING_LENGTH = 8.0
"""Euclidean, of the embedding of every clip."""
