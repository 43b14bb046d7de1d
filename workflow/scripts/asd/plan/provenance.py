"""Whether results say of themselves that they are what the plan asks for.

Snakemake takes results that it has no record of for up to date: a folder that was copied without ``.snakemake``, say.
What tells here is what the files say of their origin, of the code that made them too.
"""

from __future__ import annotations

import csv
import filecmp
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from ..ddae.origins import expected_weights
from ..ddae.run import Run
from ..detection.origins import expected_evaluations, expected_scores, read_summary, summary_path
from ..errors import UserError
from ..features.cliplist import read_first_clip
from ..files.integrity import read_origin_of_archive
from ..files.origin import Origins
from ..recordings.layout import Folder
from ..splits import ProtocolName
from . import origins, paths
from .run import Plan, given_cache

_DAMAGES = (UserError, ValueError, KeyError, TypeError, AttributeError, OSError, RecursionError, csv.Error)


def _proof(function: Callable[..., bool]) -> Callable[..., bool]:
    """What can't be read proves nothing."""

    def proven(*arguments: object, **named: object) -> bool:
        with suppress(*_DAMAGES, zipfile.BadZipFile):
            return function(*arguments, **named)
        return False

    return proven


@_proof
def cache_is_as_planned(plan: Plan, folder: Folder, results: str, state: str, code: str) -> bool:
    """Whether a feature cache is of the recordings that are there now.

    Parameters
    ----------
    results
        What stands before ``results/`` in names of files.
    state
        Of the recordings, as the plan calls them.
    code
        Hash of what extracts features.
    """
    clip = read_first_clip(f"{results}{paths.cache(folder, 'csv')}")
    expected = origins.of_cache(plan, folder)
    if clip is None:
        return bool(expected.made_from)
    return not expected.made_from and clip.origin == replace(expected, made_from=state, code=code)


@_proof
def import_is_as_planned(plan: Plan, folder: Folder, results: str) -> bool:
    """Whether a cache that was taken over has the numbers of the one that was given."""
    given, copy = given_cache(plan, folder), f"{results}{paths.cache(folder, 'npy')}"
    if given is None:
        return read_first_clip(f"{results}{paths.cache(folder, 'csv')}") is None
    return cache_is_as_planned(plan, folder, results, "", "given") and filecmp.cmp(given, copy, shallow=False)


@_proof
def weights_are_as_planned(plan: Plan, machine: str, run: Run, results: str, code: str) -> bool:
    """Whether a training was of the clips that are there now."""
    lists = _placed(results, paths.reference_caches(plan, machine, "csv"))
    (expected,) = expected_weights(origins.train_ddae(plan, machine, run), "own", lists)
    found, _ = read_origin_of_archive(f"{results}{paths.of_run(f'{paths.CHECKPOINT}.npz', machine, run)}")
    return found == replace(expected, code=code)


@_proof
def classifier_is_as_planned(
    plan: Plan, machine: str | None, seed: int, protocol: ProtocolName, results: str, code: str
) -> bool:
    """Whether an ID classifier was trained with the clips that are there now."""
    lists = _placed(results, paths.classified_lists(plan, machine))
    about = origins.train_classifier(plan, machine, seed, protocol)
    (expected,) = expected_weights(about, "own", lists, "classified")
    (path,) = _placed(results, paths.classifiers_of_run(plan, machine or "", Run(None, seed, protocol)))
    found, _ = read_origin_of_archive(path)
    return found == replace(expected, code=code)


@_proof
def scores_are_as_planned(plan: Plan, machine: str, run: Run, results: str, code: str) -> bool:
    """Whether a training's scores are of the weights and clips that are there now."""
    about = origins.detect_anomalies(plan, machine, run)
    weights = paths.weights_of_run(plan, machine, run)
    return _of_all_units(plan, machine, paths.of_run(paths.SCORES, machine, run), weights, about, results, code)


@_proof
def scores_without_ddae_are_as_planned(
    plan: Plan, machine: str, seed: int, protocol: ProtocolName, results: str, code: str
) -> bool:
    """Whether scores that all noise factors share are of the clips, and the ID classifier, that are there now."""
    about = origins.detect_without_ddae(plan, machine, seed, protocol)
    classifier = paths.classifier_of(plan, machine, seed, protocol)
    folder = paths.of_run(paths.SCORES_WITHOUT_DDAE, machine, Run(None, seed, protocol))
    return _of_all_units(plan, machine, folder, classifier, about, results, code)


@_proof
def ensembles_are_as_planned(plan: Plan, machine: str, run: Run, results: str, code: str) -> bool:
    """Whether ensembles are of the weights and clips that are there now."""
    about = origins.combine_scores(plan, machine, run)
    weights = paths.weights_of_run(plan, machine, run)
    return _of_all_units(plan, machine, paths.of_run(paths.ENSEMBLES, machine, run), weights, about, results, code)


def _of_all_units(
    plan: Plan, machine: str, folder: str, weights: list[str], about: Origins, results: str, code: str
) -> bool:
    lists = _placed(results, paths.clip_lists(plan, machine))
    (expected,) = expected_scores(about, "own", lists, _placed(results, weights))
    return all(
        read_summary(summary_path(f"{results}{folder}", snr, name))[1] == replace(expected, snr=snr, id=name, code=code)
        for snr, name in plan.units(machine)
    )


@_proof
def evaluation_is_as_planned(plan: Plan, machine: str, results: str, code: str) -> bool:
    """Whether an evaluation is of scores of the weights and clips that are there now."""
    about = {machine: origins.evaluate_scores(plan, machine)}
    lists = _placed(results, paths.clip_lists(plan, machine))
    weights = _placed(results, paths.weights_of_machine(plan, machine))
    (expected,) = expected_evaluations(about, lists, weights)
    found, _ = read_origin_of_archive(f"{results}{paths.filled(paths.EVALUATION, {'machine': machine})}.npz")
    return found == replace(expected, code=code)


def _placed(results: str, names: list[str]) -> list[str]:
    return [f"{results}{name}" for name in names]
