"""Training of one DDAE."""

from __future__ import annotations

import numpy as np

from . import plain
from .data import Size
from .measure import Result, alternate

BATCH_SIZE, LEARNING_RATE = 64, 1e-4


def one_ddae(caches: str, size: Size) -> list[Result]:
    import torch

    from asd.ddae.model import TrainingSettings, train
    from asd.ddae.scaling import MinMaxScaling

    torch.set_num_threads(1)
    normal = [np.load(caches.format(snr="snr6", id=name, kind="normal")) for name in size.ids]
    rows = np.concatenate([block[:count] for block, (count, _, _) in zip(normal, size.split, strict=True)])
    scaled = plain.scale(rows, np.concatenate(normal))
    scaling = MinMaxScaling.fit(normal)
    settings = TrainingSettings(0.7, size.epochs, BATCH_SIZE, LEARNING_RATE, 0)
    trained = {}

    def by_plain() -> None:
        trained["plain"], _ = plain.train(scaled, 0.7, size.epochs, BATCH_SIZE, LEARNING_RATE, 0)

    def by_workflow() -> None:
        trained["workflow"] = train(scaling, rows, settings).networks

    plain.train(scaled, 0.7, 1, BATCH_SIZE, LEARNING_RATE, 0)  # the first optimizer imports half of torch
    times = alternate({"plain": by_plain, "workflow": by_workflow}, size.rounds)
    difference = max(
        float((ours - theirs).abs().max())
        for name in trained["plain"]
        for ours, theirs in zip(
            trained["workflow"][name].state_dict().values(), trained["plain"][name].state_dict().values(), strict=True
        )
    )
    return [
        Result(
            f"DDAE, {size.epochs} epochs, {len(rows)} clips, one core",
            f"torch as written {times['plain']:.2f} s",
            f"{times['workflow']:.2f} s",
            f"{times['workflow'] / times['plain']:.2f} x the time, largest difference of a weight {difference:.1g}",
        )
    ]
