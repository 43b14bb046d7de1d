"""A trained DDAE without torch: its weights as a plain NumPy archive, and the forward pass.

Detection runs in hundreds of short jobs.  Importing torch would cost each of them more than its own work.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from ..features.columns import BASIC_COLUMNS, MFCC_COLUMNS, N_FEATURES
from ..files import StrPath
from ..files.integrity import read_archive, write_archive
from ..files.origin import Origin
from .origins import unusable
from .scaling import MinMaxScaling

Layers = Sequence[tuple[NDArray[np.float32], NDArray[np.float32]]]
"""Weight float32 [out, in] and bias float32 [out] of each fully connected layer, from input to output."""

LEAKY_SLOPE = 0.01  # as torch has it by default

NETWORKS = {"mfcc": MFCC_COLUMNS, "basic": BASIC_COLUMNS}
"""The columns that each of the two networks sees."""


def _sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 / (1 + exp(-x)) of each value, float64.

    Whoever only writes networks or reads them has no need of SciPy, which takes a sixth of a second to import.
    """
    from scipy.special import expit

    return np.asarray(expit(x))


ACTIVATIONS: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "relu": lambda x: np.maximum(x, 0.0),
    "leaky_relu": lambda x: np.maximum(x, np.float32(LEAKY_SLOPE) * x),
    "silu": lambda x: x * _sigmoid(x),
    "tanh": np.tanh,
}
"""What may follow a layer: those that are known here as well as in `asd.ddae.training`."""


def forward(layers: Layers, x: NDArray[np.float32], activation: str = "relu") -> NDArray[np.float32]:
    """Output of one network.

    The activation follows every layer but two: the code layer (the middle one) is linear, the last one ends in a
    sigmoid.  Sums are in double precision, so that the same numbers come out wherever they are added up (in an ONNX
    graph, too): what follows, such as the trees of an isolation forest, may hang on the last digit.

    Parameters
    ----------
    layers
        An even number of layers, mirrored around the code layer.
    x
        float32 [clips, columns].
    activation
        One of `ACTIVATIONS`.

    Returns
    -------
    float32 [clips, columns]
        In (0, 1).
    """
    code = len(layers) // 2 - 1
    y = np.asarray(x, np.float64)
    for number, (weight, bias) in enumerate(layers):
        y = y @ weight.T + bias
        if number not in (code, len(layers) - 1):
            y = ACTIVATIONS[activation](y)
    return np.asarray(_sigmoid(y), np.float32)


@dataclass(frozen=True)
class Denoiser:
    """Scaling and both trained networks of one machine, noise factor and seed.

    Attributes
    ----------
    activation
        Of the layers of both networks, one of `ACTIVATIONS`.
    """

    scaling: MinMaxScaling
    networks: dict[str, Layers]
    activation: str = "relu"

    def scale(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scaled features, the networks' input: float32 [clips, columns] to float32 [clips, 136].

        Columns after the first 136 are left out, here and below: the DDAE does not see them.
        """
        return self.scaling.apply(features[:, :N_FEATURES])

    def denoise(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Denoised features of clips: unscaled float32 [clips, columns] to float32 [clips, 136] in (0, 1)."""
        scaled = self.scale(features)
        blocks = [
            forward(self.networks[name], scaled[:, columns], self.activation) for name, columns in NETWORKS.items()
        ]
        return np.concatenate(blocks, axis=1)

    def denoise_unscaled(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Denoised features of clips in the features' own units; float32 [clips, columns] to float32 [clips, 136]."""
        return self.scaling.invert(self.denoise(features))

    def save(self, path: StrPath, origin: Origin | None = None) -> None:
        """Write a NumPy archive (``.npz``) that says whose it is, whole or not at all."""
        arrays: dict[str, NDArray[Any]] = {"minimum": self.scaling.minimum, "maximum": self.scaling.maximum}
        arrays[_ACTIVATION] = np.array(self.activation)
        for name, layers in self.networks.items():
            for number, (weight, bias) in enumerate(layers):
                arrays |= {f"{name}.{number}.weight": weight, f"{name}.{number}.bias": bias}
        write_archive(path, arrays, origin)

    @classmethod
    def load(cls, path: StrPath, expected: Origin | None = None) -> Denoiser:
        """Read what `save` wrote.  No code of the file is executed.

        Parameters
        ----------
        expected
            Whose weights they have to be.

        Raises
        ------
        UserError
            If the file is missing, damaged, another one's, or does not hold the finite float32 numbers of two whole
            networks, or if these have an activation that is not known here.
        OSError
            If the disk or its permissions do not let it be read.
        """
        path = Path(path)
        try:
            arrays = read_archive(path, expected=expected)
            networks = {name: _layers_of(arrays, name, columns) for name, columns in NETWORKS.items()}
            activation = _checked_activation(arrays.pop(_ACTIVATION, np.array("relu")))
            scaling = _checked_scaling(arrays.pop("minimum"), arrays.pop("maximum"))
            if len(arrays) != 2 * sum(map(len, networks.values())):
                raise ValueError("there are other arrays in it")
        except Exception as error:  # many types, depending on where the file is damaged
            if isinstance(error, OSError) and not isinstance(error, FileNotFoundError):
                raise  # the disk's fault, not the file's
            raise UserError(unusable(path, error)) from error
        return cls(scaling, networks, activation)


def _checked(name: str, values: NDArray[Any], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """`values`, if they are finite float32 numbers of that shape: NumPy would stretch some others until they fit.

    Raises
    ------
    ValueError
        If they are not; the message calls them `name`.
    """
    if values.dtype != np.float32 or values.shape != shape:
        found = f"{values.dtype} {list(values.shape)}"
        raise ValueError(f"{name} is {found} instead of float32 {list(shape)}")
    if not np.isfinite(values).all():
        raise ValueError(f"{name} holds NaN or infinite values")
    return np.ascontiguousarray(values, np.float32)


_ACTIVATION = "activation"  # member of an archive; those of earlier versions have none, and networks with ReLU


def _checked_activation(name: NDArray[Any]) -> str:
    """The activation of that name, text [].

    Raises
    ------
    ValueError
        If there is none.
    """
    if name.shape != () or name.dtype.kind != "U" or str(name) not in ACTIVATIONS:
        raise ValueError(f"its activation {str(name)[:40]!r} is none of {', '.join(ACTIVATIONS)}")
    return str(name)


def _checked_scaling(minimum: NDArray[Any], maximum: NDArray[Any]) -> MinMaxScaling:
    """The scaling of these limits, each float32 [136].

    Raises
    ------
    ValueError
        If they are no limits of so many columns.
    """
    scaling = MinMaxScaling(_checked("minimum", minimum, (N_FEATURES,)), _checked("maximum", maximum, (N_FEATURES,)))
    if (scaling.minimum > scaling.maximum).any():
        raise ValueError("a minimum is above its maximum")
    return scaling


def _layers_of(arrays: Mapping[str, NDArray[Any]], network: str, columns: slice) -> Layers:
    """The layers of a network.

    Raises
    ------
    ValueError
        If they do not fit together, or are not as `forward` wants them.
    KeyError
        If one is missing.
    """
    count = sum(key.startswith(f"{network}.") for key in arrays) // 2
    if count < 2 or count % 2:
        raise ValueError(f"the network {network} has {count} layers")
    names = [(f"{network}.{number}.weight", f"{network}.{number}.bias") for number in range(count)]
    width = columns.stop - columns.start
    sizes = [width, *(arrays[bias].size for _, bias in names)]
    if sizes[-1] != width:
        raise ValueError(f"the network {network} puts out {sizes[-1]} columns instead of {width}")
    return [
        (_checked(weight, arrays[weight], (outputs, inputs)), _checked(bias, arrays[bias], (outputs,)))
        for (weight, bias), (inputs, outputs) in zip(names, itertools.pairwise(sizes), strict=True)
    ]
