"""A trained DDAE without torch: its weights as a plain NumPy archive, and the forward pass.

Detection runs in hundreds of short jobs.  Importing torch would cost each of them more than its own work.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.special
from numpy.typing import NDArray

from .atomic import whole_file
from .columns import BASIC_COLUMNS, MFCC_COLUMNS, N_FEATURES
from .errors import UserError
from .scaling import MinMaxScaling

Layers = Sequence[tuple[NDArray[np.float32], NDArray[np.float32]]]
"""Weight float32 [out, in] and bias float32 [out] of each fully connected layer, from input to output."""

NETWORKS = {"mfcc": MFCC_COLUMNS, "basic": BASIC_COLUMNS}
"""The columns that each of the two networks sees."""


def forward(layers: Layers, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Output of one network.

    ReLU follows every layer but two: the code layer (the middle one) is linear, the last one ends in a sigmoid.

    Parameters
    ----------
    layers
        An even number of layers, mirrored around the code layer.
    x
        float32 [clips, columns].

    Returns
    -------
    float32 [clips, columns]
        In (0, 1).
    """
    code = len(layers) // 2 - 1
    for number, (weight, bias) in enumerate(layers):
        x = x @ weight.T + bias
        if number not in (code, len(layers) - 1):
            x = np.maximum(x, 0.0)
    return np.asarray(scipy.special.expit(x), np.float32)


@dataclass(frozen=True)
class Denoiser:
    """Scaling and both trained networks of one machine, noise factor and seed."""

    scaling: MinMaxScaling
    networks: dict[str, Layers]

    def scale(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scaled features, the networks' input: float32 [clips, 136] to float32 [clips, 136]."""
        return self.scaling.apply(features)

    def denoise(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Denoised features of clips: unscaled float32 [clips, 136] to float32 [clips, 136] in (0, 1)."""
        scaled = self.scale(features)
        blocks = [forward(self.networks[name], scaled[:, columns]) for name, columns in NETWORKS.items()]
        return np.concatenate(blocks, axis=1)

    def denoise_unscaled(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Denoised features of clips in the features' own units; unscaled float32 [clips, 136] to the same shape."""
        return self.scaling.invert(self.denoise(features))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a NumPy archive (``.npz``), whole or not at all."""
        arrays = {"minimum": self.scaling.minimum, "maximum": self.scaling.maximum}
        for name, layers in self.networks.items():
            for number, (weight, bias) in enumerate(layers):
                arrays |= {f"{name}.{number}.weight": weight, f"{name}.{number}.bias": bias}
        with whole_file(path) as temporary, temporary.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Denoiser:
        """Read what `save` wrote.  No code of the file is executed.

        Raises
        ------
        UserError
            If the file is missing or damaged.
        """
        path = Path(path)
        try:
            with np.load(path, allow_pickle=False) as arrays:
                networks: dict[str, Layers] = {}
                expected = {"minimum", "maximum"}
                for name in NETWORKS:
                    count = sum(key.startswith(f"{name}.") for key in arrays.files) // 2
                    if count < 2 or count % 2:
                        raise ValueError(f"the network {name} has {count} layers")
                    keys = [(f"{name}.{number}.weight", f"{name}.{number}.bias") for number in range(count)]
                    expected |= {key for pair in keys for key in pair}
                    networks[name] = [(arrays[weight], arrays[bias]) for weight, bias in keys]
                if set(arrays.files) != expected:
                    raise ValueError("arrays are missing, or there are others")
                denoiser = cls(MinMaxScaling(arrays["minimum"], arrays["maximum"]), networks)
            denoiser.denoise(np.zeros((1, N_FEATURES), np.float32))  # fails if shapes do not fit together
            return denoiser
        except Exception as error:  # many types, depending on where the file is damaged
            raise UserError(
                f"{path}: the trained weights can't be read ({error}). Delete the file and run again; "
                "only this training is repeated."
            ) from error


def read_loss(path: str | os.PathLike[str]) -> dict[str, list[float]]:
    """Loss curves that the training wrote: network -> mean squared error of each epoch.

    Raises
    ------
    UserError
        If the file is damaged.
    """
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        return {name: [float(row[name]) for row in rows] for name in NETWORKS}
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise UserError(f"{path}: no loss curves ({error}). Delete the file and run again.") from error
