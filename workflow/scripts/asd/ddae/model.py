"""The deep denoising autoencoder (DDAE): two small networks, their training and their checkpoint.

Source: Kim & Kim (2024), *Enhancing Sound-Based Anomaly Detection Using Deep Denoising Autoencoder*.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ..errors import UserError
from ..features.columns import N_FEATURES
from ..files import StrPath
from ..files.atomic import whole_file
from ..splits import MORE_CLIPS_FOR_THE_DDAE, PROTOCOLS, Indices, ProtocolName
from .denoiser import NETWORKS, Denoiser, Layers
from .loss import Curve, complaints_of
from .scaling import MinMaxScaling
from .settings import WIDTHS, TrainingSettings, clips_to_hold_out
from .training import ACTIVATIONS, train_network

logger = logging.getLogger(__name__)


def widths_of(network: str, hidden: Sequence[int]) -> tuple[int, ...]:
    """Units of each encoder layer of a network, its input included: as many as there are columns."""
    columns = NETWORKS[network]
    return (columns.stop - columns.start, *hidden)


ENCODER_WIDTHS = {name: widths_of(name, hidden) for name, hidden in WIDTHS.items()}
"""Units of each encoder layer of the paper, from the input to the code; the decoder mirrors them."""


def build_network(widths: Sequence[int], activation: str = "relu") -> nn.Sequential:
    """An autoencoder of fully connected layers with encoder `widths` and a mirrored decoder.

    The activation, one of `ACTIVATIONS`, between the layers; none on the code layer and none before the sigmoid at the
    end.
    """
    sizes = (*widths, *reversed(widths[:-1]))
    code, last = len(widths) - 2, len(sizes) - 2
    modules: list[nn.Module] = []
    for number, (inputs, outputs) in enumerate(itertools.pairwise(sizes)):
        modules.append(nn.Linear(inputs, outputs))
        if number == last:
            modules.append(nn.Sigmoid())
        elif number != code:
            modules.append(ACTIVATIONS[activation]())
    return nn.Sequential(*modules)


@dataclass(frozen=True)
class TrainedDDAE:
    """Both networks (on the CPU), the scaling of their input, how the training of each went, and their activation."""

    scaling: MinMaxScaling
    networks: dict[str, nn.Sequential]
    loss: dict[str, Curve]
    activation: str = "relu"

    def denoiser(self) -> Denoiser:
        """The same networks without torch."""
        layers = {name: _layers(network) for name, network in self.networks.items()}
        return Denoiser(self.scaling, layers, self.activation)


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
        rows, held_out = _held_out(scaled, settings)
        for name, columns in NETWORKS.items():
            networks[name] = build_network(widths_of(name, settings.encoder_widths[name]), settings.activation)
            validation = None if held_out is None else held_out[:, columns].contiguous()
            trained = rows[:, columns].contiguous()
            curve = train_network(networks[name], trained, settings, device, validation)
            networks[name].eval()
            loss[name] = replace(curve, spread=_spread(networks[name], trained))
            _tell(name, loss[name])
    for complaint in complaints_of(loss):
        logger.warning("%s. %s", complaint, _remedy(settings))
    return TrainedDDAE(scaling, networks, loss, settings.activation)


def _held_out(scaled: torch.Tensor, settings: TrainingSettings) -> tuple[torch.Tensor, torch.Tensor | None]:
    """The rows that train, and those held out, if there are enough to hold some out and `settings` ask for it."""
    count = clips_to_hold_out(settings.epochs, len(scaled))
    if count:
        order = torch.randperm(len(scaled))
        logger.info("held out, to say when it is enough: %d of the clips", count)
        return scaled[order[count:]], scaled[order[:count]]
    if settings.epochs == "auto":
        logger.warning(
            "%d clips are too few to hold one out: nothing says when it is enough, so that a fixed number of steps is "
            "trained",
            len(scaled),
        )
    return scaled, None


@torch.no_grad()
def _spread(network: nn.Sequential, rows: torch.Tensor) -> float | None:
    """`Curve.spread` of a network for the rows, float32 [clips, columns], that have trained it."""
    before = rows.std(dim=0, correction=0)
    varies = before > 0
    if not varies.any():
        return None
    return float(network(rows).std(dim=0, correction=0)[varies].mean() / before[varies].mean())


def _tell(name: str, curve: Curve) -> None:
    """How the training of a network went."""
    if not curve.every:
        logger.info("%s network: loss %.6f -> %.6f", name, curve.training[0], curve.training[-1])
        return
    kept, last = (curve.places[number] for number in (curve.kept, -1))
    logger.info("%s network: %d steps, the weights of step %d are kept", name, last, kept)
    logger.info("%s network: loss %.6f -> %.6f", name, curve.training[0], curve.training[curve.kept])
    if curve.validation:
        values = (curve.validation[0], curve.validation[curve.kept])
        logger.info("%s network: loss of the clips held out %.6f -> %.6f", name, *values)
        if not curve.is_judged_by_validation:
            logger.info("%s network: so few clips held out don't tell whether it learned more than its clips", name)


def _remedy(settings: TrainingSettings) -> str:
    if settings.epochs == "auto":
        return "More clips would help (strict.shares.ddae, or split), or a smaller noise factor."
    return "Train longer or with a higher ddae.learning_rate, or let ddae.epochs: auto decide."


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
        "loss": {name: asdict(curve) for name, curve in trained.loss.items()},
    }
    # to an open file: torch would write the name of a temporary one into the archive
    with whole_file(path) as temporary, temporary.open("wb") as file:
        torch.save(content, file)
