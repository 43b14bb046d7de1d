"""What scores have to be made from: the caches and the weights that are there now."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

from ..ddae.denoiser import read_weights_checksum
from ..ddae.run import ALL
from ..features.cliplist import read_list_checksum
from ..files import StrPath
from ..files.origin import Origin, Origins, digest, made_from, origins_of


def made_from_both(caches: Sequence[str], weights: Sequence[str]) -> str:
    """What scores say that they were made from: all caches of a machine, and the weights of one training or several."""
    return digest([list(caches), sorted(weights)])


def expected_scores(
    about: Origins, name: str, clip_lists: Sequence[StrPath], weights: Sequence[StrPath]
) -> list[Origin]:
    """Whose scores have to be, what they have to be made from included.

    Parameters
    ----------
    about
        Under `name` the scores, and under ``clips`` and ``weights`` the files that are given here in the same order.
    clip_lists
        Of all caches of the machine.
    weights
        Of all trainings that the scores belong to; those of ensembles to several.

    Raises
    ------
    UserError
        If a clip list or weights are not those expected.
    """
    caches = [read_list_checksum(*pair) for pair in zip(clip_lists, origins_of(about, "clips"), strict=True)]
    trained = origins_of(about, "weights")
    checksums = [read_weights_checksum(*pair) for pair in zip(weights, trained, strict=True)]
    return [
        replace(
            whose,
            made_from=made_from_both(
                caches, [checksum for of, checksum in zip(trained, checksums, strict=True) if _belongs(of, whose)]
            ),
        )
        for whose in origins_of(about, name)
    ]


def _belongs(trained: Origin, scored: Origin) -> bool:
    """Whether a training is one of those that scores are of."""
    return (
        trained.protocol == scored.protocol
        and scored.noise_factor in (trained.noise_factor, ALL)
        and scored.seed in (trained.seed, ALL)
    )


def expected_evaluations(about: Origins, clip_lists: Sequence[StrPath], weights: Sequence[StrPath]) -> list[Origin]:
    """Whose the files of each machine have to be, what they have to be made from included.

    Parameters
    ----------
    about
        Machine -> as `expected_scores` takes it, under ``scores``; under ``own`` the evaluation.
    clip_lists, weights
        Of all machines, one after the other.

    Raises
    ------
    UserError
        As `expected_scores` does.
    """
    lists, trained = iter(clip_lists), iter(weights)
    expected = []
    for of_machine in about.values():
        here = [
            list(itertools.islice(files, len(of_machine[name])))
            for files, name in ((lists, "clips"), (trained, "weights"))
        ]
        scores = expected_scores(of_machine, "scores", *here)
        expected.append(replace(Origin.of(of_machine["own"]), made_from=made_from([one.made_from for one in scores])))
    return expected
