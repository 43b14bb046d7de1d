"""The deep denoising autoencoder (DDAE): two small networks, their training and their checkpoint.

Source: Kim & Kim (2024), *Enhancing Sound-Based Anomaly Detection Using Deep Denoising Autoencoder*.
"""

from __future__ import annotations

import csv
import io
import itertools
import logging
import math
import os
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ..errors import UserError
from ..files.atomic import whole_file
from ..files.integrity import read_members, sealed
from ..splits import Indices
from .denoiser import NETWORKS, Denoiser, Layers, checked, checked_scaling
from .run import ProtocolName
from .scaling import MinMaxScaling
from .training import TrainingSettings, train_network

logger = logging.getLogger(__name__)

ENCODER_WIDTHS = {"mfcc": (128, 64, 32, 16, 8), "basic": (8, 16, 32, 64, 128)}
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
        ID -> unscaled features of its normal clips at the reference SNR, float32 [clips, 136].
    rows
        ID -> rows that train the networks, int [clips].

    Raises
    ------
    UserError
        If fewer than two clips are left to train, too few for a standard deviation.
    """
    features = np.concatenate([normal[name][chosen] for name, chosen in rows.items()])
    scaling = MinMaxScaling.fit(normal.values() if protocol == "paper" else [features])
    if len(features) < 2:
        raise UserError(
            f"the DDAE needs at least 2 clips to train, the split leaves {len(features)}. Raise machines.<name>.split."
        )
    logger.info("%d clips of %d IDs train the networks: %s", len(features), len(rows), settings)
    return train(scaling, features, settings, device, threads)


def save_checkpoint(trained: TrainedDDAE, configuration: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
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


def write_loss(loss: Mapping[str, Sequence[float]], path: str | os.PathLike[str]) -> None:
    """Write the loss curves as CSV: epoch, the mean squared error of each network, and a checksum in the last line."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["epoch", *loss, "checksum"])
    epochs = zip(*loss.values(), strict=True)
    writer.writerows([str(epoch), *map(repr, values), ""] for epoch, values in enumerate(epochs, start=1))
    with whole_file(path) as temporary:
        temporary.write_text(sealed(text.getvalue()), encoding="utf-8", newline="\n")


def load_checkpoint(path: str | os.PathLike[str]) -> tuple[TrainedDDAE, dict[str, Any]]:
    """Read a checkpoint and the configuration that made it.  No code of the file is executed.

    Raises
    ------
    UserError
        If the file is missing, damaged, or no checkpoint of a DDAE.
    OSError
        If the disk or its permissions do not let it be read.
    """
    try:
        content = torch.load(_verified(path), map_location="cpu", weights_only=True)
        networks = {name: _loaded(content["networks"][name], name) for name in ENCODER_WIDTHS}
        scaling = checked_scaling(*(content["scaling"][key].numpy() for key in ("minimum", "maximum")))
        loss, configuration = content["loss"], dict(content["configuration"])
        if not all(math.isfinite(value) for name in ENCODER_WIDTHS for value in loss[name]):
            raise ValueError("the loss is not finite")
        return TrainedDDAE(scaling, networks, {name: list(loss[name]) for name in ENCODER_WIDTHS}), configuration
    except Exception as error:  # torch.load raises many types, depending on where the file is damaged
        if isinstance(error, OSError) and not isinstance(error, FileNotFoundError):
            raise  # the disk's fault, not the file's
        raise UserError(
            f"{path}: not a readable DDAE checkpoint ({type(error).__name__}: {error}). Delete it and the .npz file "
            "beside it and run again; only this training is repeated."
        ) from error


def _verified(path: str | os.PathLike[str]) -> io.BytesIO:
    """An archive for torch, of nothing but members that match their checksums.

    Torch does not look at checksums, and would find other members than Python does where an archive has two
    directories.
    """
    verified = io.BytesIO()
    with zipfile.ZipFile(verified, "w") as archive:
        for name, content in read_members(path).items():
            archive.writestr(name, content)
    verified.seek(0)
    return verified


def _loaded(parameters: Mapping[str, torch.Tensor], name: str) -> nn.Sequential:
    """A network with these parameters.

    Raises
    ------
    ValueError
        If they are not those of this network, or not finite.
    """
    network = build_network(ENCODER_WIDTHS[name])
    for key, parameter in network.state_dict().items():
        checked(f"{name}.{key}", parameters[key].numpy(), tuple(parameter.shape))
    network.load_state_dict(parameters)
    return network.eval()
