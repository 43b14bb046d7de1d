"""A trained ID classifier without torch: its networks as a plain NumPy archive, and the embeddings of clips.

Source: outlier exposure (Hendrycks, Mazeika & Dietterich, 2019, ICLR) with the normal clips of other machine IDs.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from ..files import StrPath
from ..files.integrity import read_archive, write_archive
from ..files.origin import Origin
from .widths import EMBEDDING_LENGTH, EMBEDDING_WIDTH, HIDDEN_WIDTHS

EPSILON = 1e-5  # torch.nn.LayerNorm's default

MAX_BYTES = 2**30  # of the file, far above hundreds of networks

_OF_HIDDEN = ("weight", "bias", "gain", "shift")
_OF_LAST = ("weight", "bias")
_NAMES = (
    *("mean", "scale"),
    *(f"{name}.{layer}" for layer in range(len(HIDDEN_WIDTHS)) for name in _OF_HIDDEN),
    *(f"{name}.{len(HIDDEN_WIDTHS)}" for name in _OF_LAST),
)
"""Of the arrays of `Networks` in a file."""


@dataclass(frozen=True)
class Networks:
    """Networks that were trained on the same clips, from other initial weights.

    Attributes
    ----------
    mean, scale
        Of the columns of these clips, what is subtracted, and what the difference is multiplied by (1 / standard
        deviation, 0 where that is 0; of temporal columns times `TEMPORAL_SCALE`), float32 [columns].
    weights
        Of each hidden layer weight [networks, in, out], and bias, gain and shift [networks, 1, out]; of the last one
        weight and bias; all float32.
    """

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    weights: Sequence[NDArray[np.float32]]

    @property
    def count(self) -> int:
        """Number of networks."""
        return len(self.weights[0])

    def embed(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """What the networks make of clips; sums in double precision, as in `asd.ddae.denoiser.forward`.

        Parameters
        ----------
        features
            By mel band (`asd.features.bands.in_bands`), unscaled, float32 [clips, columns].

        Returns
        -------
        float32 [clips, networks * 64]
            Side by side, each of length 8.
        """
        *hidden, weight, bias = self.weights
        x = np.repeat(((features - self.mean) * self.scale)[None], len(weight), axis=0).astype(np.float64)
        for start in range(0, len(hidden), len(_OF_HIDDEN)):
            x = _hidden(x, *hidden[start : start + len(_OF_HIDDEN)])
        x = x @ weight + bias
        x = EMBEDDING_LENGTH * x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-12)
        return np.concatenate(list(x), axis=1, dtype=np.float32)


def _hidden(
    x: NDArray[np.float64],
    weight: NDArray[np.float32],
    bias: NDArray[np.float32],
    gain: NDArray[np.float32],
    shift: NDArray[np.float32],
) -> NDArray[np.float64]:
    """A layer with normalised outputs and SiLU, [networks, clips, in] to [networks, clips, out]."""
    from scipy.special import expit  # a sixth of a second, which training does not need

    x = x @ weight + bias
    x -= x.mean(axis=-1, keepdims=True)
    x /= np.sqrt(np.square(x).mean(axis=-1, keepdims=True) + EPSILON)
    x = x * gain + shift
    return np.asarray(x * expit(x), np.float64)


@dataclass(frozen=True)
class Classifier:
    """The networks of all SNRs.

    Attributes
    ----------
    of_snr
        SNR -> the networks that all training clips train; then, where there is cross-fitting, for each fold those that
        the clips outside of it train.
    """

    of_snr: Mapping[str, Sequence[Networks]]

    def save(self, path: StrPath, origin: Origin | None = None) -> None:
        """Write a NumPy archive (``.npz``) that says whose it is, whole or not at all."""
        arrays: dict[str, NDArray[Any]] = {}
        for number, parts in enumerate(self.of_snr.values()):
            for part, networks in enumerate(parts):
                named = zip(_NAMES, (networks.mean, networks.scale, *networks.weights), strict=True)
                arrays |= {f"{number}.{part}.{name}": array for name, array in named}
        write_archive(path, arrays, origin)

    @classmethod
    def load(cls, path: StrPath, snrs: Sequence[str], expected: Origin | None = None) -> Classifier:
        """Read what `save` wrote.  No code of the file is executed.

        Parameters
        ----------
        snrs
            Names of the SNRs, in the order in which they were saved.
        expected
            Whose networks they have to be.

        Raises
        ------
        UserError
            If the file is missing, damaged, another one's, or does not hold the finite numbers of whole networks.
        OSError
            If the disk or its permissions do not let it be read.
        """
        path = Path(path)
        try:
            arrays = read_archive(path, MAX_BYTES, expected=expected)
            each, rest = divmod(len(arrays), len(snrs) * len(_NAMES))
            if rest or not each:
                raise ValueError("there are other arrays in it")
            of_snr = {
                snr: [_networks({name: arrays[f"{number}.{part}.{name}"] for name in _NAMES}) for part in range(each)]
                for number, snr in enumerate(snrs)
            }
        except Exception as error:  # many types, depending on where the file is damaged
            if isinstance(error, OSError) and not isinstance(error, FileNotFoundError):
                raise  # the disk's fault, not the file's
            raise UserError(
                f"{path}: this ID classifier can't be used ({type(error).__name__}: {error}). Delete the file and run "
                "again; only its training is repeated."
            ) from error
        return cls(of_snr)


def _networks(arrays: Mapping[str, NDArray[Any]]) -> Networks:
    """From the arrays of `_NAMES`.

    Raises
    ------
    ValueError
        If the arrays are not those of whole networks, or hold anything but finite numbers.
    """
    mean, scale, *weights = (_checked(name, array) for name, array in arrays.items())
    count = len(weights[0])
    wanted: list[tuple[int, ...]] = [mean.shape] * 2
    for layer, (inputs, outputs) in enumerate(itertools.pairwise((mean.size, *HIDDEN_WIDTHS, EMBEDDING_WIDTH))):
        vectors = len(_OF_HIDDEN if layer < len(HIDDEN_WIDTHS) else _OF_LAST) - 1
        wanted += [(count, inputs, outputs), *[(count, 1, outputs)] * vectors]
    found = [array.shape for array in (mean, scale, *weights)]
    if found != wanted or not count:
        raise ValueError(f"its arrays have the shapes {found}, which are those of no networks")
    return Networks(mean, scale, weights)


def _checked(name: str, values: NDArray[Any]) -> NDArray[np.float32]:
    """`values`, if they are finite float32 numbers.

    Raises
    ------
    ValueError
        If they are not.
    """
    if values.dtype != np.float32 or not np.isfinite(values).all():
        raise ValueError(f"{name} holds other values than finite float32 numbers")
    return np.ascontiguousarray(values, np.float32)
