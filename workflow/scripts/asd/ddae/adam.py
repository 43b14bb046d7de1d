"""Adam on all weights of some networks as one vector."""

from __future__ import annotations

import torch
from torch import Tensor

_BETAS = (0.9, 0.999)  # torch's defaults
_EPSILON = 1e-8


class Adam:
    """Adam (Kingma & Ba, 2015), with the numbers of ``torch.optim.Adam``, and of ``torch.optim.AdamW`` with a decay.

    Those visit each array by itself, and import torch's compiler, which takes longer than a training with few clips.
    """

    def __init__(self, weights: Tensor, gradients: Tensor, learning_rate: float, weight_decay: float = 0.0) -> None:
        self.weights, self.gradients, self.learning_rate = weights, gradients, learning_rate
        self.weight_decay = weight_decay
        self.mean, self.mean_square, self.scale = (torch.zeros_like(weights) for _ in range(3))
        self.steps = 0

    def step(self) -> None:
        """Change the weights by their present gradients, both of which are views of the vectors."""
        self.steps += 1
        decay, decay_of_square = _BETAS
        if self.weight_decay:
            self.weights.mul_(1 - self.learning_rate * self.weight_decay)
        self.mean.lerp_(self.gradients, 1 - decay)
        self.mean_square.mul_(decay_of_square).addcmul_(self.gradients, self.gradients, value=1 - decay_of_square)
        torch.sqrt(self.mean_square, out=self.scale)
        self.scale.div_((1 - decay_of_square**self.steps) ** 0.5).add_(_EPSILON)
        self.weights.addcdiv_(self.mean, self.scale, value=-(self.learning_rate / (1 - decay**self.steps)))
