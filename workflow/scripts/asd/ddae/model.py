"""The deep denoising autoencoder (DDAE): two small networks, their training and their checkpoint.

Source: Kim & Kim (2024), *Enhancing Sound-Based Anomaly Detection Using Deep Denoising Autoencoder*.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ..errors import UserError
from ..features.columns import BASIC_NAMES, MEL_BANDS, N_FEATURES
from ..files import StrPath
from ..files.atomic import whole_file
from ..splits import MORE_CLIPS_FOR_THE_DDAE, PROTOCOLS, Indices, ProtocolName
from .denoiser import NETWORKS, Denoiser, Layers
from .scaling import MinMaxScaling
from .training import TrainingSettings, train_network

logger = logging.getLogger(__name__)

ENCODER_WIDTHS = {"mfcc": (MEL_BANDS, 64, 32, 16, 8), "basic": (len(BASIC_NAMES), 16, 32, 64, 128)}
"""Units of each encoder layer, from the input to the code; the decoder mirrors them.  *basic* is over-complete."""


def build_network(widths: tuple[int, ...]) -> nn.Sequential:
    """An autoencoder of fully connected layers with encoder `widths` and a mirrored decoder.

    ReLU between the layers, none on the code layer and none before the sigmoid at the end.
    """
    sizes = (*widths, *reversed(widths[:-1]))
    code, last = len(widths) - 2, len(sizes) - 2
    modules: list[nn.Module] = []
    for number, (inputs, outputs) in enumerate(itertools.pairwise(sizes)):
        modules.append(nn.Linear(inputs, outputs))
        if number == last:
            modules.append(nn.Sigmoid())
        elif number != code:
            modules.append(nn.ReLU())
    return nn.Sequential(*modules)


@dataclass(frozen=True)
class TrainedDDAE:
    """Both networks (on the CPU), the scaling of their input, and the loss of each epoch."""

    scaling: MinMaxScaling
    networks: dict[str, nn.Sequential]
    loss: dict[str, list[float]]

    def denoiser(self) -> Denoiser:
        """The same networks without torch."""
        return Denoiser(self.scaling, {name: _layers(network) for name, network in self.networks.items()})


def _layers(network: nn.Sequential) -> Layers:
    linear = [module for module in network if isinstance(module, nn.Linear)]
    return [(layer.weight.detach().numpy().copy(), layer.bias.detach().numpy().copy()) for layer in linear]


def train(
    scaling: MinMaxScaling,
    features: NDArray[np.float32],
    settings: TrainingSettings,
    device: torch.device | None = None,
    threads: int = 1,
) -> TrainedDDAE:
    """Train the two networks of a machine, *mfcc* first, then *basic*, after seeding once.

    Parameters
    ----------
    scaling
        Applied to `features` before training.
    features
        float32 [clips, 136], unscaled, normal clips only.
    device
        Where to train; the CPU if left out.
    threads
        Of torch.  Another number rounds sums differently, so it changes the weights in their last digits.
    """
    torch.set_num_threads(threads)
    device = device or torch.device("cpu")
    scaled = torch.from_numpy(scaling.apply(features))
    networks, loss = {}, {}
    with torch.random.fork_rng(devices=[]):
        # all random numbers come from the CPU; torch.manual_seed would also call upon a GPU, which may have failed
        torch.default_generator.manual_seed(settings.seed)
        for name, columns in NETWORKS.items():
            networks[name] = build_network(ENCODER_WIDTHS[name])
            loss[name] = train_network(networks[name], scaled[:, columns].contiguous(), settings, device)
            networks[name].eval()
            logger.info("%s network: loss %.6f -> %.6f", name, loss[name][0], loss[name][-1])
    return TrainedDDAE(scaling, networks, loss)


def train_machine(
    normal: Mapping[str, NDArray[np.float32]],
    rows: Mapping[str, Indices],
    settings: TrainingSettings,
    device: torch.device | None = None,
    threads: int = 1,
    *,
    protocol: ProtocolName = "paper",
) -> TrainedDDAE:
    """Fit the scaling and train on some normal clips of each ID, stacked in the order of the IDs.

    Under the *paper* protocol the scaling is fitted on all normal clips, those tested later included; under *strict* on
    the clips that train.

    Parameters
    ----------
    normal
        ID -> unscaled features of its normal clips at the reference SNR, float32 [clips, columns]; the first 136 of
        these are used.
    rows
        ID -> rows that train the networks, int [clips].

    Raises
    ------
    UserError
        If fewer than two clips are left to train, too few for a standard deviation.
    """
    normal = {name: block[:, :N_FEATURES] for name, block in normal.items()}
    features = np.concatenate([normal[name][chosen] for name, chosen in rows.items()])
    scaling = MinMaxScaling.fit(normal.values() if PROTOCOLS[protocol].scaling_sees_all else [features])
    if len(features) < 2:
        raise UserError(
            f"the DDAE needs at least 2 clips to train, the split leaves {len(features)}. {MORE_CLIPS_FOR_THE_DDAE}"
        )
    logger.info("%d clips of %d IDs train the networks: %s", len(features), len(rows), settings)
    return train(scaling, features, settings, device, threads)


def save_checkpoint(trained: TrainedDDAE, configuration: Mapping[str, Any], path: StrPath) -> None:
    """Write networks, scaling, loss curves and the `configuration` that made them, whole or not at all.

    The file holds tensors and plain values only, so that ``torch.load(path, weights_only=True)`` reads it.
    """
    content = {
        "networks": {name: network.state_dict() for name, network in trained.networks.items()},
        "scaling": {
            "minimum": torch.from_numpy(trained.scaling.minimum),
            "maximum": torch.from_numpy(trained.scaling.maximum),
        },
        "configuration": dict(configuration),
        "loss": trained.loss,
    }
    # to an open file: torch would write the name of a temporary one into the archive
    with whole_file(path) as temporary, temporary.open("wb") as file:
        torch.save(content, file)
