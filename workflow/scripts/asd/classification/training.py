"""Training of the machine-ID classifier: all its networks at once.

The networks are so small that a step of one is mostly overhead.  So those of a classifier take their steps together, as
slices of the same arrays.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ..ddae.adam import Adam
from ..features.columns import TEMPORAL_COLUMNS, TEMPORAL_SCALE
from ..splits import FEWEST_CLIPS, Indices, fold_numbers
from .classifier import EPSILON, Classifier, Networks
from .clips import ClipsOfId
from .widths import EMBEDDING_LENGTH, EMBEDDING_WIDTH, HIDDEN_WIDTHS

logger = logging.getLogger(__name__)

_LEARNING_RATE = 1e-3
_WEIGHT_DECAY = 1e-2
_BATCH_SIZE = 128
_SHORTEST = 1e-12  # length of an embedding that is divided by, as torch has it
_FLAT = 1e-7  # of a standard deviation: that of a column that is constant but for rounding


@dataclass(frozen=True)
class ClassifierSettings:
    """How a classifier is trained.

    Attributes
    ----------
    networks
        That are trained on the same clips from other initial weights, and averaged.
    epochs
        Of each.  Of few clips there must not be more: once the networks know each clip by heart, all that an ID has is
        one point of the embedding, and whatever is new is far from it.
    seed
        Of initial weights, order of the clips and mixing.
    """

    networks: int
    epochs: int
    seed: int


def train_classifier(
    ids: Sequence[ClipsOfId],
    snrs: Iterable[str],
    settings: ClassifierSettings,
    folds: int | None = None,
    threads: int = 1,
) -> Classifier:
    """Train networks that tell the IDs apart, for each SNR.

    Parameters
    ----------
    ids
        Training clips of each ID at each SNR.
    folds
        Into which detection divides the training clips of an ID, with the same seed, for thresholds by cross-fitting:
        there are networks for each that have not seen its clips.  None where there is no cross-fitting.
    threads
        Of torch; another number changes the last digits.
    """
    torch.set_num_threads(threads)
    of_snr: dict[str, list[Networks]] = {}
    for snr in snrs:
        here = [one for one in ids if one.snr == snr]
        labels = np.repeat(np.arange(len(here)), [len(one.features) for one in here])
        features = np.concatenate([one.features for one in here])
        every = [np.arange(len(features))] * settings.networks
        networks, losses = train_networks(features, labels, every, settings)
        logger.info(
            "%s: %d clips of %d IDs train %d networks: cross entropy of mixed clips %.4f -> %.4f",
            *(snr, len(features), len(here), settings.networks, losses[0], losses[-1]),
        )
        of_snr[snr] = [_together(networks)]
        if folds is not None:
            # one of each: its scores scatter a little more than a mean of several, so that thresholds are a little high
            of_snr[snr] += train_networks(features, labels, rows_outside_folds(here, folds, settings.seed), settings)[0]
    return Classifier(of_snr)


def rows_outside_folds(ids: Sequence[ClipsOfId], folds: int, seed: int) -> list[Indices]:
    """Rows of the clips of all IDs, one below the other, that are outside of each fold.

    Where an ID has so few clips that a fold leaves fewer than `FEWEST_CLIPS`, all of them are, as in detection.

    Returns
    -------
    list of int [clips]
    """
    fold_of = [fold_numbers(one.recordings, folds, seed, f"training clips of {one.name}") for one in ids]
    rows = []
    for fold in range(1 + max(int(numbers.max()) for numbers in fold_of)):
        outside = [numbers != fold for numbers in fold_of]
        rows.append(np.flatnonzero(np.concatenate([one | (one.sum() < FEWEST_CLIPS) for one in outside])))
    return rows


def _together(networks: Sequence[Networks]) -> Networks:
    """Several networks of the same clips as one."""
    weights = [np.concatenate(arrays) for arrays in zip(*(one.weights for one in networks), strict=True)]
    return Networks(networks[0].mean, networks[0].scale, weights)


@torch.no_grad()
def train_networks(
    features: NDArray[np.float32], labels: Indices, rows: Sequence[Indices], settings: ClassifierSettings
) -> tuple[list[Networks], list[float]]:
    """Train a network on each of several selections of the clips.

    Each step mixes clips in pairs (mixup: Zhang, Cissé, Dauphin & Lopez-Paz, 2018, ICLR), so that between two IDs there
    is no sudden border, and is one of AdamW (Loshchilov & Hutter, 2019, ICLR).

    Parameters
    ----------
    features
        As `ClipsOfId.features`, float32 [clips, columns].
    labels
        Number of each clip's ID, int [clips], from 0.
    rows
        Those that train each network, int [clips].

    Returns
    -------
    list of Networks
        One for each.
    list of float
        Cross entropy of each epoch, mean over the networks.
    """
    generator = torch.Generator().manual_seed(settings.seed)
    clips, numbers = torch.from_numpy(features), torch.from_numpy(np.asarray(labels, np.int64))
    chosen = [torch.from_numpy(np.asarray(one, np.int64)) for one in rows]
    mean, scale = _standardisations(clips, chosen)
    initial = _initial(len(rows), features.shape[1], int(labels.max()) + 1, generator)
    vector = torch.cat([array.reshape(-1) for array in initial])
    gradient = torch.empty_like(vector)
    weights, gradients = (_views(of_all, initial) for of_all in (vector, gradient))
    optimizer = Adam(vector, gradient, _LEARNING_RATE, _WEIGHT_DECAY)
    size = min(_BATCH_SIZE, *map(len, chosen))
    steps = -(-max(map(len, chosen)) // size)
    losses = []
    for _ in range(settings.epochs):
        order = torch.stack([_order(of_network, steps * size, generator) for of_network in chosen])
        total = 0.0
        for batch in torch.split(order, size, dim=1):
            share = _shares(batch.shape, generator)
            # the clip before is as good a partner as any other, since the order is random
            first, of_first = clips[batch], numbers[batch]
            mixed = torch.lerp(first.roll(1, dims=1), first, share[:, :, None]).sub_(mean).mul_(scale)
            of_both = torch.stack([of_first, of_first.roll(1, dims=1)], dim=-1)
            total += float(_backpropagate(weights, gradients, mixed, of_both, share).mean())
            optimizer.step()
        losses.append(total / steps)
    arrays = [each.numpy() for each in (mean[:, 0], scale[:, 0], *weights[:-2])]
    networks = []
    for number in range(len(rows)):
        own_mean, own_scale, *own = (each[number] for each in arrays)
        networks.append(Networks(own_mean, own_scale, [each[None] for each in own]))
    return networks, losses


def _standardisations(clips: Tensor, rows: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """`Networks.mean` and `Networks.scale` for each selection, float32 [networks, 1, columns]."""
    chosen = [clips[one].double() for one in rows]
    means = torch.stack([one.mean(dim=0, keepdim=True) for one in chosen])
    spreads = torch.stack([one.std(dim=0, correction=0, keepdim=True) for one in chosen])
    varies = spreads > _FLAT * (1 + means.abs())
    scales = torch.where(varies, 1 / spreads, 0.0)
    scales[:, :, TEMPORAL_COLUMNS] *= TEMPORAL_SCALE
    return means.float(), scales.float()


def _initial(networks: int, columns: int, classes: int, generator: torch.Generator) -> list[Tensor]:
    """`Networks.weights` and, behind them, weight and bias of the classes, as ``torch.nn`` begins with."""
    weights = []
    for inputs, outputs in itertools.pairwise((columns, *HIDDEN_WIDTHS, EMBEDDING_WIDTH, classes)):
        limit = inputs**-0.5
        weights.append(torch.empty(networks, inputs, outputs).uniform_(-limit, limit, generator=generator))
        weights.append(torch.empty(networks, 1, outputs).uniform_(-limit, limit, generator=generator))
        if len(weights) <= 4 * len(HIDDEN_WIDTHS):
            weights += [torch.ones(networks, 1, outputs), torch.zeros(networks, 1, outputs)]
    return weights


def _views(vector: Tensor, like: Sequence[Tensor]) -> list[Tensor]:
    """Parts of a vector, in the shapes of some arrays."""
    parts = torch.split(vector, [array.numel() for array in like])
    return [part.view(array.shape) for part, array in zip(parts, like, strict=True)]


def _order(rows: Tensor, length: int, generator: torch.Generator) -> Tensor:
    """So many of the rows in random order, each once before any comes again; int64 [length]."""
    rounds = -(-length // len(rows))
    return torch.cat([rows[torch.randperm(len(rows), generator=generator)] for _ in range(rounds)])[:length]


def _shares(shape: torch.Size, generator: torch.Generator) -> Tensor:
    """How much of the first clip there is in each pair, float32 of that shape, from Beta(.5, .5): the distribution of
    the squared sine of an angle that is uniform."""
    return torch.sin(torch.rand(shape, generator=generator) * (torch.pi / 2)).square()


@dataclass
class _Hidden:
    """What a hidden layer keeps for the way back: its input, what the product with its weights gives, that with mean 0
    and variance 1 of each clip, and what goes into the activation; float32 [networks, clips, width] each, and mean and
    inverse deviation of the product, [networks, clips, 1]."""

    given: Tensor
    product: Tensor
    normal: Tensor
    activated: Tensor
    mean: Tensor
    inverse_deviation: Tensor


def _backpropagate(
    weights: Sequence[Tensor], gradients: Sequence[Tensor], x: Tensor, of_both: Tensor, share: Tensor
) -> Tensor:
    """Cross entropy of mixed clips, and the gradients of its sum over the networks of the mean over the clips.

    Written out, with the operations that torch's automatic differentiation would choose, it takes two thirds of the
    time of that, and gives the same bits.

    Parameters
    ----------
    weights
        Of `_initial`.
    gradients
        Are overwritten.
    x
        Standardised clips, float32 [networks, clips, columns].
    of_both
        Classes of the clips that each is mixed of, int64 [networks, clips, 2].
    share
        Of the first one, float32 [networks, clips].

    Returns
    -------
    float32 [networks, clips]
    """
    *of_hidden, weight, bias, class_weight, class_bias = weights
    layers = []
    for start in range(0, len(of_hidden), 4):
        layer_weight, layer_bias, gain, shift = of_hidden[start : start + 4]
        product = torch.baddbmm(layer_bias, x, layer_weight)
        normal, mean, inverse = torch.native_layer_norm(product, product.shape[-1:], None, None, EPSILON)
        activated = torch.mul(normal, gain).add_(shift)
        layers.append(_Hidden(x, product, normal, activated, mean, inverse))
        x = functional.silu(activated)
    raw = torch.baddbmm(bias, x, weight)
    length = torch.linalg.vector_norm(raw, dim=-1, keepdim=True)
    divisor = length.clamp_min(_SHORTEST)
    direction = raw / divisor
    embedding = EMBEDDING_LENGTH * direction
    log_likelihood = torch.log_softmax(torch.baddbmm(class_bias, embedding, class_weight), dim=-1)
    likely = log_likelihood.gather(2, of_both)
    loss = -torch.lerp(likely[:, :, 1], likely[:, :, 0], share)

    slope = -1.0 / loss.shape[1]
    of_likely = torch.stack([slope * share, slope * (1 - share)], dim=-1)
    of_likelihood = torch.zeros_like(log_likelihood).scatter_add_(2, of_both, of_likely)
    back = torch._log_softmax_backward_data(of_likelihood, log_likelihood, -1, log_likelihood.dtype)
    back = _through_product(back, embedding, class_weight, gradients[-2:]).mul_(EMBEDDING_LENGTH)
    of_divisor = (-back * (direction / divisor)).sum(dim=-1, keepdim=True)
    back = back / divisor
    back += torch.where(length >= _SHORTEST, of_divisor, 0.0) * (raw / length).masked_fill_(length == 0, 0.0)
    back = _through_product(back, x, weight, gradients[-4:-2])
    for number, layer in reversed(list(enumerate(layers))):
        layer_weight, _, gain, _ = of_hidden[4 * number : 4 * number + 4]
        back = torch.ops.aten.silu_backward(back, layer.activated)
        of_gain, of_shift = gradients[4 * number + 2 : 4 * number + 4]
        torch.sum(back, 1, keepdim=True, out=of_shift)
        torch.sum(back * layer.normal, 1, keepdim=True, out=of_gain)
        back, _, _ = torch.ops.aten.native_layer_norm_backward(
            *(back.mul_(gain), layer.product, layer.product.shape[-1:], layer.mean, layer.inverse_deviation),
            *(None, None, [True, False, False]),
        )
        of_layer = gradients[4 * number : 4 * number + 2]
        back = _through_product(back, layer.given, layer_weight, of_layer, wanted=number > 0)
    return loss


def _through_product(
    back: Tensor, given: Tensor, weight: Tensor, gradients: Sequence[Tensor], wanted: bool = True
) -> Tensor:
    """Gradient of what a product with weights was given, if it is `wanted`, from that of its result; into `gradients`
    go those of weight and bias."""
    torch.bmm(given.transpose(1, 2), back, out=gradients[0])
    torch.sum(back, 1, keepdim=True, out=gradients[1])
    return torch.bmm(back, weight.transpose(1, 2)) if wanted else back
