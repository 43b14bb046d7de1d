"""Whose scores have to be, and what follows from them: made from the caches and the weights that are there now.

The plan reads it, too, on machines without NumPy.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..ddae.origins import read_weights_checksum
from ..ddae.run import ALL
from ..features.cliplist import read_list_checksum
from ..files import StrPath
from ..files.integrity import unsealed_mapping
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
    """Whether a training is one of those that scores are of; ID classifiers know nothing of noise factors."""
    return (
        trained.protocol == scored.protocol
        and (not trained.noise_factor or scored.noise_factor in (trained.noise_factor, ALL))
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
        expected.append(
            replace(origins_of(of_machine, "own")[0], made_from=made_from([one.made_from for one in scores]))
        )
    return expected


def summary_path(folder: StrPath, snr: str, machine_id: str) -> Path:
    """The summary of the scores of an ID at an SNR, in the folder of a run."""
    return Path(folder, f"{snr}_{machine_id}.json")


def read_summary(path: StrPath) -> tuple[dict[str, Any], Origin]:
    """A summary of scores, and whose they are.

    Raises
    ------
    ValueError, KeyError, TypeError, AttributeError, OSError, RecursionError
        If there is none, or it is damaged.
    """
    summary = unsealed_mapping(json.loads(Path(path).read_text(encoding="utf-8")))
    return summary, Origin.of(summary["origin"])
