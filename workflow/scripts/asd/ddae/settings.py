"""How a DDAE is trained, and what ``auto`` stands for.  The plan reads it, too, on machines without NumPy."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Auto = Literal["auto"]
AUTO: Auto = "auto"

WIDTHS: Mapping[str, Sequence[int]] = {"mfcc": (64, 32, 16, 8), "basic": (16, 32, 64, 128)}
"""Units of each encoder layer of the paper's networks, after the input; *basic* is over-complete."""

# With a number of epochs, what else is left to choose is the paper's.
_BATCH_SIZE = 64
_LEARNING_RATE = 1e-4

# Without, a training is a number of steps: few clips need as many as many clips do, and epochs of few clips are short.
# Chosen on the simulated recordings, 16 to 48 clips a training.
_LEARNING_RATE_OF_STEPS = 1e-3
_LARGEST_BATCH = 64
_BATCHES = 4  # in a pass over the clips, at least, where there are so many
MOST_STEPS = 3000
CHECK_EVERY = 25  # steps
PATIENCE = 500  # steps without a better validation loss
STEPS_WITHOUT_VALIDATION = 1000

LEARNED = 0.4
"""Of the first training loss: only weights that bring it below this are compared by their validation loss.  A few
held-out clips are met best by the mean of all clips, and what puts out the mean erases every fault."""

_HELD_OUT = 0.1  # of the clips
FEWEST_TO_HOLD_OUT = 5


@dataclass(frozen=True)
class TrainingSettings:
    """How a DDAE is trained.

    Attributes
    ----------
    noise_factor
        Strength of the added noise, in standard deviations of each column; >= 0.
    epochs
        Passes over the clips; ``"auto"`` trains for a number of steps, until the clips held out say that it is enough.
    batch_size
        Clips of a step; ``"auto"`` follows from their number (`batch_size_of`).
    learning_rate
        Of Adam with its default betas.
    seed
        Of torch's random numbers: clips held out, initial weights, order of the rows and noise.
    encoder_widths
        Network -> units of each encoder layer after the input; the decoder mirrors them.
    activation
        Of all layers but the code and the output, one of `asd.ddae.denoiser.ACTIVATIONS`.
    """

    noise_factor: float
    epochs: int | Auto
    batch_size: int | Auto
    learning_rate: float
    seed: int
    encoder_widths: Mapping[str, Sequence[int]] = field(default_factory=lambda: dict(WIDTHS))
    activation: str = "relu"


def resolved(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of the configuration with everything in place of ``auto`` that does not depend on the clips.

    Examples
    --------
    >>> resolved({"epochs": 50, "batch_size": "auto", "learning_rate": "auto"})
    {'epochs': 50, 'batch_size': 64, 'learning_rate': 0.0001}
    >>> resolved({"epochs": "auto", "batch_size": "auto", "learning_rate": "auto"})
    {'epochs': 'auto', 'batch_size': 'auto', 'learning_rate': 0.001}
    """
    chosen = dict(settings)
    in_steps = chosen["epochs"] == AUTO
    if chosen["learning_rate"] == AUTO:
        chosen["learning_rate"] = _LEARNING_RATE_OF_STEPS if in_steps else _LEARNING_RATE
    if chosen["batch_size"] == AUTO and not in_steps:
        chosen["batch_size"] = _BATCH_SIZE
    return chosen


def batch_size_of(batch_size: int | Auto, clips: int) -> int:
    """Clips of a mini-batch, where so many train.

    >>> batch_size_of("auto", 15), batch_size_of("auto", 1000), batch_size_of(16, 1000)
    (4, 64, 16)
    """
    return min(_LARGEST_BATCH, math.ceil(clips / _BATCHES)) if batch_size == AUTO else batch_size


def clips_to_hold_out(epochs: int | Auto, clips: int) -> int:
    """How many of the clips that are there to train are held out.

    >>> clips_to_hold_out("auto", 16), clips_to_hold_out("auto", 1116), clips_to_hold_out(100, 1116)
    (1, 111, 0)
    >>> clips_to_hold_out("auto", 4)
    0
    """
    return max(1, int(_HELD_OUT * clips)) if epochs == AUTO and clips >= FEWEST_TO_HOLD_OUT else 0


def rows_seen(epochs: int | Auto, batch_size: int | Auto, clips: int) -> int:
    """Rows that a training passes through each network, at most."""
    if epochs != AUTO:
        return clips * epochs
    return MOST_STEPS * (_LARGEST_BATCH if batch_size == AUTO else batch_size)
