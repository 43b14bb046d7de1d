"""The training loop of a denoising autoencoder, with as little as possible between the matrix products.

The networks are so small that an ordinary loop spends most of its time in autograd and in an optimizer that visits
each weight matrix by itself.  Here the gradients are written out, and Adam works on all weights as one vector.  The
operations on each number, and their order, are those of ``loss.backward()`` and ``torch.optim.Adam``; on the CPUs
tried, the weights are the same to the last bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

_BETAS = (0.9, 0.999)  # torch.optim.Adam's defaults
_EPSILON = 1e-8


@dataclass(frozen=True)
class TrainingSettings:
    """How a DDAE is trained.

    Attributes
    ----------
    noise_factor
        Strength of the added noise, in standard deviations of each column; >= 0.
    epochs, batch_size, learning_rate
        Of Adam with its default betas.
    seed
        Of torch's random numbers: initial weights, order of the rows and noise.
    """

    noise_factor: float
    epochs: int
    batch_size: int
    learning_rate: float
    seed: int


@dataclass(frozen=True)
class _Layer:
    """A fully connected layer whose arrays are views of the vectors of all weights and of all gradients.

    Attributes
    ----------
    activation
        ``nn.ReLU``, ``nn.Sigmoid``, or None for a linear layer.
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
        If it has other layers than fully connected ones with a bias, each followed by a ReLU, a sigmoid or nothing.
    """
    before: nn.Module | None = None
    for module in network:
        linear = type(module) is nn.Linear and module.bias is not None
        activation = type(module) in (nn.ReLU, nn.Sigmoid) and type(before) is nn.Linear
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
                type(following) if isinstance(following, nn.ReLU | nn.Sigmoid) else None,
            )
        )
        start = end
    return weights, gradients, layers


class _Backpropagation:
    """Forward pass, mean squared error and gradients for batches of one size; arrays are allocated once."""

    def __init__(self, layers: Sequence[_Layer], rows: int) -> None:
        self.layers = layers
        self.transposed = [layer.weight.t() for layer in layers]
        widths = [len(layer.bias) for layer in layers]
        like = layers[0].weight
        self.outputs = [like.new_empty(rows, width) for width in widths]
        self.before = [like.new_empty(rows, width) for width in widths]  # gradients before the activation
        self.after = [like.new_empty(rows, width) for width in widths]  # and after it

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
        x = noisy
        for layer, transposed, output in zip(self.layers, self.transposed, self.outputs, strict=True):
            torch.addmm(layer.bias, x, transposed, out=output)
            if layer.activation is nn.ReLU:
                output.relu_()
            elif layer.activation is nn.Sigmoid:
                output.sigmoid_()
            x = output
        loss = nn.functional.mse_loss(x, clean)
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
        after, before, output = self.after[number], self.before[number], self.outputs[number]
        activation = self.layers[number].activation
        if activation is nn.ReLU:
            torch.ops.aten.threshold_backward.grad_input(after, output, 0, grad_input=before)
        elif activation is nn.Sigmoid:
            torch.ops.aten.sigmoid_backward.grad_input(after, output, grad_input=before)
        else:
            return after
        return before


class _Adam:
    """Adam on one vector of weights (Kingma & Ba, 2015), as ``torch.optim.Adam`` does it by default."""

    def __init__(self, weights: Tensor, gradients: Tensor, learning_rate: float) -> None:
        self.weights, self.gradients, self.learning_rate = weights, gradients, learning_rate
        self.mean, self.mean_square, self.scale = (torch.zeros_like(weights) for _ in range(3))
        self.steps = 0

    def step(self) -> None:
        self.steps += 1
        decay, decay_of_square = _BETAS
        self.mean.lerp_(self.gradients, 1 - decay)
        self.mean_square.mul_(decay_of_square).addcmul_(self.gradients, self.gradients, value=1 - decay_of_square)
        torch.sqrt(self.mean_square, out=self.scale)
        self.scale.div_((1 - decay_of_square**self.steps) ** 0.5).add_(_EPSILON)
        self.weights.addcdiv_(self.mean, self.scale, value=-(self.learning_rate / (1 - decay**self.steps)))


@torch.no_grad()
def train_network(
    network: nn.Sequential, rows: Tensor, settings: TrainingSettings, device: torch.device
) -> list[float]:
    """Train `network` in place to restore clean rows from noisy ones.

    Each epoch draws one permutation and, for each mini-batch, noise of the batch's shape, both from torch's global
    generator on the CPU, so that CPU and GPU see the same numbers.  The noisy input is
    ``clip(x + noise_factor * sigma * noise, 0, 1)`` with sigma the columns' sample standard deviation (n - 1).

    Parameters
    ----------
    network
        Fully connected layers, each followed by a ReLU, a sigmoid or nothing.
    rows
        float32 [clips, columns], scaled to [0, 1], on the CPU.

    Returns
    -------
    list of float
        Mean squared error of each epoch, averaged over its rows.

    Raises
    ------
    TypeError
        If the network has other layers.
    """
    weights, gradients, layers = _vectorise(network, device)
    optimizer = _Adam(weights, gradients, settings.learning_rate)
    starts = range(0, len(rows), settings.batch_size)
    batches = [slice(start, min(start + settings.batch_size, len(rows))) for start in starts]
    sizes = {batch.stop - batch.start for batch in batches}
    backpropagation = {size: _Backpropagation(layers, size) for size in sizes}

    strength = (settings.noise_factor * (rows.std(dim=0) + 1e-12)).to(device)
    every_row = rows.to(device)
    noise = torch.empty_like(rows)
    curve = []
    for _ in range(settings.epochs):
        # a whole epoch at once: fewer operations, and two transfers to a GPU in place of two for each batch
        order = torch.randperm(len(rows))
        for batch in batches:
            torch.randn(noise[batch].shape, out=noise[batch])
        clean = every_row[order.to(device)]
        noisy = (clean + strength * noise.to(device)).clamp_(0.0, 1.0)
        total = torch.zeros((), device=device, dtype=torch.float64)
        for batch in batches:
            size = batch.stop - batch.start
            total += size * backpropagation[size](noisy[batch], clean[batch])
            optimizer.step()
        curve.append(float(total) / len(rows))

    trained = [part for layer in layers for part in (layer.weight, layer.bias)]
    for parameter, values in zip(network.parameters(), trained, strict=True):
        parameter.copy_(values)
    return curve
