"""What a detector sees of a clip: features as they are, denoised ones, both, or what denoising took away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..classification.classifier import Networks
from ..ddae.denoiser import Denoiser
from ..ddae.scaling import MinMaxScaling
from ..features.bands import in_bands
from ..features.columns import BASIC_COLUMNS, MFCC_COLUMNS, N_FEATURES, TEMPORAL_COLUMNS
from .views import ID_EMBEDDING, Representation

Blocks = Sequence[slice]
"""Columns of an array that belong together: MFCC and basic block, once or twice, or with a temporal one."""


def blocks_of(representation: Representation, columns: int = N_FEATURES) -> Blocks:
    """The MFCC (or log-mel) and the basic block of a representation, then those of its denoised half, if it has one, or
    the temporal block, if it has that.

    Parameters
    ----------
    columns
        That the represented clips have.
    """
    once = (MFCC_COLUMNS, BASIC_COLUMNS)
    if representation == ID_EMBEDDING:
        return ()  # networks, of which none is cepstrum and none basic
    if representation.endswith("+denoised"):
        return (*once, *(slice(N_FEATURES + block.start, N_FEATURES + block.stop) for block in once))
    return (*once, TEMPORAL_COLUMNS) if columns > N_FEATURES else once


@dataclass(frozen=True)
class Denoised:
    """Clips as the DDAE takes and gives them.

    Attributes
    ----------
    before, after
        Its input x' and its output, float32 [clips, 136].
    scaling
        From the features' own units to x'.
    """

    before: NDArray[np.float32]
    after: NDArray[np.float32]
    scaling: MinMaxScaling

    @classmethod
    def by(cls, denoiser: Denoiser, features: NDArray[np.float32]) -> Denoised:
        """From unscaled features, float32 [clips, columns]."""
        return cls(denoiser.scale(features), denoiser.denoise(features), denoiser.scaling)

    def __getitem__(self, rows: slice | NDArray[np.intp]) -> Denoised:
        """Some of the clips."""
        return Denoised(self.before[rows], self.after[rows], self.scaling)


@dataclass(frozen=True)
class Represented:
    """Clips before and after denoising.

    Attributes
    ----------
    features
        Unscaled, float32 [clips, columns]: the 136 that the DDAE sees, and further ones if there are any.
    denoised
        What the DDAE makes of them; None without one.
    embeddings
        By the networks of the ID classifier that all training clips train, and by those that have not seen the clips of
        each fold, float32 [clips, 64 * networks] each; none without a classifier.
    fold
        Whose networks count; None for those of all clips.
    """

    features: NDArray[np.float32]
    denoised: Denoised | None = None
    embeddings: tuple[NDArray[np.float32], ...] = ()
    fold: int | None = None

    @classmethod
    def of(
        cls, features: NDArray[np.float32], denoiser: Denoiser | None = None, networks: Sequence[Networks] = ()
    ) -> Represented:
        """From unscaled features, float32 [clips, columns]."""
        seen = in_bands(features) if networks else features
        embeddings = tuple(part.embed(seen) for part in networks)
        return cls(features, None if denoiser is None else Denoised.by(denoiser, features), embeddings)

    def __getitem__(self, rows: slice | NDArray[np.intp]) -> Represented:
        """Some of the clips."""
        return replace(
            self,
            features=self.features[rows],
            denoised=None if self.denoised is None else self.denoised[rows],
            embeddings=tuple(embedded[rows] for embedded in self.embeddings),
        )

    def in_fold(self, fold: int) -> Represented:
        """As what has not seen the clips of a fold sees them."""
        return replace(self, fold=fold)

    def __len__(self) -> int:
        return len(self.features)

    def get(self, representation: Representation) -> NDArray[np.float32]:
        """The clips as a detector sees them.

        ``denoised`` is the paper's; ``raw`` the scaled features as they are, without the DDAE; ``raw+denoised`` both
        side by side; ``residual`` the scaled features minus the denoised ones.  ``log-mel`` is the mean log-mel
        spectrum in place of its cepstrum, and the basic features, both in their own units: a fault that moves a few
        bands moves a few columns here, but all MFCCs.  ``log-mel+denoised`` has the denoised clips beside it.
        ``id-embedding`` is what the networks of the ID classifier make of ``log-mel``, side by side.  Features that the
        DDAE does not see are in these two alone: elsewhere they would stand beside nothing.

        Returns
        -------
        float32 [clips, 136], with ``+denoised`` [clips, 272]; as many columns as `features` for ``log-mel``, and 64 for
        each network of embeddings

        Raises
        ------
        ValueError
            If the name is not one of `asd.detection.views.REPRESENTATIONS`, or there is no DDAE, or no classifier, for
            it.
        """
        if representation == "log-mel":
            return in_bands(self.features)
        if representation == ID_EMBEDDING and self.embeddings:
            return self.embeddings[0 if self.fold is None else 1 + self.fold]
        found = None if self.denoised is None else self._by_ddae(representation, self.denoised)
        if found is None:
            raise ValueError(f"unknown representation {representation!r}, or nothing to make it with")
        return found

    def _by_ddae(self, representation: Representation, ddae: Denoised) -> NDArray[np.float32] | None:
        match representation:
            case "denoised":
                return ddae.after
            case "raw":
                return ddae.before
            case "raw+denoised":
                return np.concatenate([ddae.before, ddae.after], axis=1)
            case "residual":
                return ddae.before - ddae.after
            case "log-mel+denoised":
                halves = (self.features[:, :N_FEATURES], ddae.scaling.invert(ddae.after))
                return np.concatenate([in_bands(half) for half in halves], axis=1)
        return None
