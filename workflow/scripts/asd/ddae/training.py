"""The training loop of a denoising autoencoder, with as little as possible between the matrix products.

The networks are so small that an ordinary loop spends most of its time in autograd and in an optimizer that visits
each weight matrix by itself.  Here the gradients are written out, and Adam works on all weights as one vector.  The
operations on each number, and their order, are those of ``loss.backward()`` and ``torch.optim.Adam``; on the CPUs
tried, the weights are the same to the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .adam import Adam
from .denoiser import LEAKY_SLOPE
from .loss import Curve
from .settings import (
    CHECK_EVERY,
    LEARNED,
    MOST_STEPS,
    PATIENCE,
    STEPS_WITHOUT_VALIDATION,
    TrainingSettings,
    batch_size_of,
)

_ROWS_TO_VALIDATE = 256  # at least; where fewer clips are held out, each has several draws of noise

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
}
"""Names of the configuration -> what follows a layer."""

_aten = torch.ops.aten
_FORWARD: dict[type[nn.Module] | None, Callable[[Tensor, Tensor], object]] = {
    # from what comes in, which is overwritten where both are the same
    None: lambda before, after: None,
    nn.ReLU: lambda before, after: before.relu_(),
    nn.LeakyReLU: lambda before, after: nn.functional.leaky_relu_(before, LEAKY_SLOPE),
    nn.SiLU: lambda before, after: _aten.silu.out(before, out=after),
    nn.Tanh: lambda before, after: before.tanh_(),
    nn.Sigmoid: lambda before, after: before.sigmoid_(),
}
_BACKWARD: dict[type[nn.Module] | None, Callable[[Tensor, Tensor, Tensor, Tensor], object]] = {
    # from the gradient after it, and what went in and came out; into the last argument
    nn.ReLU: lambda g, before, after, out: _aten.threshold_backward.grad_input(g, after, 0, grad_input=out),
    nn.LeakyReLU: lambda g, before, after, out: _aten.leaky_relu_backward.grad_input(
        g, after, LEAKY_SLOPE, True, grad_input=out
    ),
    nn.SiLU: lambda g, before, after, out: _aten.silu_backward.grad_input(g, before, grad_input=out),
    nn.Tanh: lambda g, before, after, out: _aten.tanh_backward.grad_input(g, after, grad_input=out),
    nn.Sigmoid: lambda g, before, after, out: _aten.sigmoid_backward.grad_input(g, after, grad_input=out),
}
_FROM_THE_INPUT = {nn.SiLU}
"""Those whose gradient follows from what goes in only, which has to be kept."""


@dataclass(frozen=True)
class _Layer:
    """A fully connected layer whose arrays are views of the vectors of all weights and of all gradients.

    Attributes
    ----------
    activation
        One of those that gradients are written out for, or None for a linear layer.
    """

    weight: Tensor  # [out, in]
    bias: Tensor  # [out]
    weight_gradient: Tensor
    bias_gradient: Tensor
    activation: type[nn.Module] | None


def _check_layers(network: nn.Sequential) -> None:
    """Refuse a network whose gradients are not written out here.

    Raises
    ------
    TypeError
        If it has other layers than fully connected ones with a bias, each followed by one of the activations that are
        known here, as torch has it by default, or by nothing.
    """
    before: nn.Module | None = None
    for module in network:
        linear = type(module) is nn.Linear and module.bias is not None
        activation = type(module) in _BACKWARD and type(before) is nn.Linear
        if isinstance(module, nn.LeakyReLU):
            activation = activation and module.negative_slope == LEAKY_SLOPE
        if not (linear or activation):
            raise TypeError(f"{module} after {before} is no layer that this training knows")
        before = module


def _vectorise(network: nn.Sequential, device: torch.device) -> tuple[Tensor, Tensor, list[_Layer]]:
    """Copies of all weights, and room for their gradients, as one vector each; and the layers as views of both."""
    _check_layers(network)
    parameters = [parameter.detach() for parameter in network.parameters()]
    weights = torch.cat([parameter.reshape(-1) for parameter in parameters]).to(device)
    gradients = torch.zeros_like(weights)
    modules = list(network)
    layers: list[_Layer] = []
    start = 0
    for module, following in zip(modules, [*modules[1:], None], strict=True):
        if not isinstance(module, nn.Linear):
            continue
        middle = start + module.weight.numel()
        end = middle + module.bias.numel()
        layers.append(
            _Layer(
                weights[start:middle].view(module.weight.shape),
                weights[middle:end],
                gradients[start:middle].view(module.weight.shape),
                gradients[middle:end],
                None if following is None or isinstance(following, nn.Linear) else type(following),
            )
        )
        start = end
    return weights, gradients, layers


class _ForwardPass:
    """Output and mean squared error of batches of one size; arrays are allocated once."""

    def __init__(self, layers: Sequence[_Layer], rows: int) -> None:
        self.layers = layers
        self.transposed = [layer.weight.t() for layer in layers]
        self.widths = [len(layer.bias) for layer in layers]
        like = layers[0].weight
        self.outputs = [like.new_empty(rows, width) for width in self.widths]
        self.inputs = [  # of the activations
            torch.empty_like(output) if layer.activation in _FROM_THE_INPUT else output
            for layer, output in zip(layers, self.outputs, strict=True)
        ]

    def loss(self, noisy: Tensor, clean: Tensor) -> Tensor:
        """Mean squared error of the network's output for `noisy`.

        Parameters
        ----------
        noisy, clean
            float32 [rows, columns].

        Returns
        -------
        float32 []
        """
        x = noisy
        for number, (layer, transposed) in enumerate(zip(self.layers, self.transposed, strict=True)):
            torch.addmm(layer.bias, x, transposed, out=self.inputs[number])
            _FORWARD[layer.activation](self.inputs[number], self.outputs[number])
            x = self.outputs[number]
        return nn.functional.mse_loss(x, clean)


class _Backpropagation(_ForwardPass):
    """Forward pass, mean squared error and gradients for batches of one size."""

    def __init__(self, layers: Sequence[_Layer], rows: int) -> None:
        super().__init__(layers, rows)
        like = layers[0].weight
        self.before = [like.new_empty(rows, width) for width in self.widths]  # gradients before the activation
        self.after = [like.new_empty(rows, width) for width in self.widths]  # and after it

    def __call__(self, noisy: Tensor, clean: Tensor) -> Tensor:
        """Mean squared error of the network's output for `noisy`, and its gradients into the layers.

        Parameters
        ----------
        noisy, clean
            float32 [rows, columns].

        Returns
        -------
        float32 []
        """
        loss = self.loss(noisy, clean)
        x = self.outputs[-1]
        torch.sub(x, clean, out=self.after[-1])
        self.after[-1].mul_(2.0 / x.numel())
        for number in reversed(range(len(self.layers))):
            layer = self.layers[number]
            gradient = self._through_activation(number)
            torch.mm(gradient.t(), self.outputs[number - 1] if number else noisy, out=layer.weight_gradient)
            torch.sum(gradient, 0, out=layer.bias_gradient)
            if number:
                torch.mm(gradient, layer.weight, out=self.after[number - 1])
        return loss

    def _through_activation(self, number: int) -> Tensor:
        """Gradient before the activation of a layer, from the gradient after it."""
        activation = self.layers[number].activation
        if activation is None:
            return self.after[number]
        before = self.before[number]
        _BACKWARD[activation](self.after[number], self.inputs[number], self.outputs[number], before)
        return before


class _Passes:
    """Passes over the training rows in mini-batches, each in an order and with noise of its own.

    Attributes
    ----------
    batches
        Of a pass; the last one may be smaller.
    """

    def __init__(self, rows: Tensor, strength: Tensor, batch_size: int, device: torch.device) -> None:
        starts = range(0, len(rows), batch_size)
        self.batches = [slice(start, min(start + batch_size, len(rows))) for start in starts]
        self.strength = strength
        self.every_row = rows.to(device)
        self.noise = torch.empty_like(rows)  # drawn on the CPU
        self.device = device

    def draw(self) -> tuple[Tensor, Tensor]:
        """Clean and noisy rows of a pass, in its order, float32 [rows, columns]."""
        # a whole pass at once: fewer operations, and two transfers to a GPU in place of two for each batch
        order = torch.randperm(len(self.noise))
        for batch in self.batches:
            torch.randn(self.noise[batch].shape, out=self.noise[batch])
        clean = self.every_row[order.to(self.device)]
        return clean, _noisy(clean, self.strength, self.noise.to(self.device))


def _noisy(clean: Tensor, strength: Tensor, noise: Tensor) -> Tensor:
    return (clean + strength * noise).clamp_(0.0, 1.0)


class _Trainer:
    """A network in training: its weights, as one vector, and the steps that change them."""

    def __init__(self, network: nn.Sequential, learning_rate: float, device: torch.device) -> None:
        self.weights, gradients, self.layers = _vectorise(network, device)
        self.optimizer = Adam(self.weights, gradients, learning_rate)
        self.backpropagation: dict[int, _Backpropagation] = {}

    def step(self, noisy: Tensor, clean: Tensor) -> Tensor:
        """Mean squared error of a mini-batch, float32 [rows, columns], before the step that it leads to."""
        size = len(clean)
        if size not in self.backpropagation:
            self.backpropagation[size] = _Backpropagation(self.layers, size)
        loss = self.backpropagation[size](noisy, clean)
        self.optimizer.step()
        return loss

    def copy_to(self, network: nn.Sequential) -> None:
        """Give the network the weights."""
        trained = [part for layer in self.layers for part in (layer.weight, layer.bias)]
        for parameter, values in zip(network.parameters(), trained, strict=True):
            parameter.copy_(values)


class _FixedNoise:
    """Rows under noise that is drawn once, so that losses differ by the weights alone."""

    def __init__(self, layers: Sequence[_Layer], rows: Tensor, strength: Tensor, device: torch.device) -> None:
        repeated = rows.repeat(math.ceil(_ROWS_TO_VALIDATE / len(rows)), 1)
        noise = torch.randn(repeated.shape)
        self.clean = repeated.to(device)
        self.noisy = _noisy(self.clean, strength, noise.to(device))
        self.forward_pass = _ForwardPass(layers, len(repeated))

    def loss(self) -> float:
        """Mean squared error with the present weights."""
        return float(self.forward_pass.loss(self.noisy, self.clean))


@torch.no_grad()
def train_network(
    network: nn.Sequential,
    rows: Tensor,
    settings: TrainingSettings,
    device: torch.device,
    held_out: Tensor | None = None,
) -> Curve:
    """Train `network` in place to restore clean rows from noisy ones.

    Each pass over the rows draws one permutation and, for each mini-batch, noise of the batch's shape, both from
    torch's global generator on the CPU, so that CPU and GPU see the same numbers.  The noisy input is
    ``clip(x + noise_factor * sigma * noise, 0, 1)`` with sigma the columns' sample standard deviation (n - 1).

    With a number of epochs, these are the passes.  With ``"auto"``, the losses are looked at every `CHECK_EVERY` steps,
    and the weights that are kept are those with the lowest loss of the held-out rows among those with a training loss
    below `LEARNED` of what it was at first; training ends `PATIENCE` steps after them, or after `MOST_STEPS`.  Without
    held-out rows it ends after `STEPS_WITHOUT_VALIDATION`.

    Parameters
    ----------
    network
        Fully connected layers, each followed by one of the activations that are known here, or by nothing.
    rows
        float32 [clips, columns], scaled to [0, 1], on the CPU.
    held_out
        float32 [clips, columns], other rows than these; only with ``"auto"``.

    Raises
    ------
    TypeError
        If the network has other layers.
    """
    trainer = _Trainer(network, settings.learning_rate, device)
    strength = (settings.noise_factor * (rows.std(dim=0) + 1e-12)).to(device)
    passes = _Passes(rows, strength, batch_size_of(settings.batch_size, len(rows)), device)
    if settings.epochs != "auto":
        curve = _train_epochs(trainer, passes, settings.epochs)
    else:
        at_first = _FixedNoise(trainer.layers, rows, strength, device).loss()
        validation = None if held_out is None else _FixedNoise(trainer.layers, held_out, strength, device)
        curve = _train_steps(trainer, passes, at_first, validation, 0 if held_out is None else len(held_out))
    trainer.copy_to(network)
    return curve


def _train_epochs(trainer: _Trainer, passes: _Passes, epochs: int) -> Curve:
    """A fixed number of passes; the last weights are kept."""
    curve = []
    for _ in range(epochs):
        clean, noisy = passes.draw()
        total = torch.zeros((), device=passes.device, dtype=torch.float64)
        for batch in passes.batches:
            total += (batch.stop - batch.start) * trainer.step(noisy[batch], clean[batch])
        curve.append(float(total) / len(clean))
    return Curve(curve, [], every=0, kept=epochs - 1)


def _train_steps(
    trainer: _Trainer, passes: _Passes, at_first: float, validation: _FixedNoise | None, held_out: int
) -> Curve:
    """Steps until the loss of the held-out rows gets no better; the best weights are kept."""
    most = MOST_STEPS if validation else STEPS_WITHOUT_VALIDATION
    training = [at_first]
    validated = [validation.loss()] if validation else []
    learned, kept, best = False, 0, trainer.weights.clone()
    since_check = torch.zeros((), device=passes.device, dtype=torch.float64)
    steps = 0
    while True:
        clean, noisy = passes.draw()
        for batch in passes.batches:
            since_check += trainer.step(noisy[batch], clean[batch])
            steps += 1
            if steps % CHECK_EVERY:
                continue
            training.append(float(since_check) / CHECK_EVERY)
            since_check.zero_()
            newly_learned = not learned and training[-1] < LEARNED * at_first
            learned = learned or newly_learned
            if validation:
                validated.append(validation.loss())
            if not validation or newly_learned or validated[-1] < validated[kept]:
                kept = len(training) - 1
                best.copy_(trainer.weights)
            if steps >= most or (learned and steps - kept * CHECK_EVERY >= PATIENCE):
                trainer.weights.copy_(best)
                return Curve(training, validated, every=CHECK_EVERY, kept=kept, held_out=held_out)
