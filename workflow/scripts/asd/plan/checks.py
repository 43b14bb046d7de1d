"""What is wrong with the data of a run: clips that are missing, too few, of two kinds at once, or somebody else's."""

from __future__ import annotations

import fnmatch
from collections import Counter
from collections.abc import Iterator

from .. import splits
from ..demo import catalogue, ownership
from ..errors import UserError
from ..recordings.layout import Folder, Recording, doubly_used
from . import configuration
from .parameters import asked_counts, strict_shares
from .run import DEMO_ROOT, Plan, clip_counts, recordings

_SHOWN = 12


def data_problems(plan: Plan) -> list[str]:
    """A sentence for each problem of the clips, the first dozen of them."""
    problems = [*_problems_of_the_demo(plan), *_problems_of_the_splits(plan)]
    if plan.cache is None and not plan.is_demo and not problems:
        twice = doubly_used({folder: recordings(plan, folder) for folder in plan.folders()})
        problems += [twice] if twice else []
        problems += _texts_without_recordings(plan)
    found = list(dict.fromkeys(problems))
    return found[:_SHOWN] + ([f"and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else [])


def _texts_without_recordings(plan: Plan) -> Iterator[str]:
    """A sentence for each text of ``dataset.kinds`` or ``dataset.attributes`` that nothing is called by: all recordings
    of a folder that is spelled otherwise would be missing without a word."""
    if plan.samples:
        return
    dataset = plan.config["dataset"]
    kinds = {kind: configuration.texts_of(texts) for kind, texts in dataset["kinds"].items()}
    listed = {kind: {one.condition for one in _of_kind(plan, kind)} for kind in kinds if len(kinds[kind]) > 1}
    for kind, found in listed.items():
        for text in kinds[kind]:
            if not any(fnmatch.fnmatchcase(name, text) or name == text for name in found):
                yield (
                    f"dataset.kinds.{kind}: {text!r} matches no recording of any machine; there are "
                    f"{', '.join(sorted(found))}. Correct or remove it."
                )
    attributes = [dict(one.attributes) for kind in kinds for one in _of_kind(plan, kind)]
    for name, texts in dataset["attributes"].items():
        found = {values[name] for values in attributes if name in values}
        for text in configuration.texts_of(texts):
            if not any(fnmatch.fnmatchcase(value, text) or value == text for value in found):
                yield (
                    f"dataset.attributes.{name}: {text!r} matches no recording; there is "
                    f"{', '.join(sorted(found)[:_SHOWN]) or 'none'}. Correct or remove it."
                )


def _of_kind(plan: Plan, kind: str) -> list[Recording]:
    return [one for folder in plan.folders() if folder.kind == kind for one in recordings(plan, folder)]


def _problems_of_the_demo(plan: Plan) -> Iterator[str]:
    if plan.is_demo:
        yield from catalogue.problems(plan.machines, plan.config["snrs"].values())


def _problems_of_the_splits(plan: Plan) -> Iterator[str]:
    for machine in plan.machines:
        for snr, machine_id in plan.units(machine):
            try:
                _require_clips(plan, machine, snr, machine_id)
            except UserError as error:
                yield str(error)


def _require_clips(plan: Plan, machine: str, snr: str, machine_id: str) -> None:
    """Raise a `UserError` if the clips of an ID at an SNR are too few for a protocol."""
    where = f"machine {machine}, SNR {snr}, ID {machine_id}"
    shortfall = plan.config["on_shortfall"]
    normal, abnormal = clip_counts(plan, machine, snr, machine_id)
    if "paper" in plan.protocols and plan.clip_seconds is None:
        asked = asked_counts(plan, machine, snr, machine_id)
        splits.paper_counts(asked, normal, abnormal, shortfall, where)
        if snr == plan.reference_snr:
            splits.paper_ddae_count(asked.ddae, normal, shortfall, where)
    if plan.clip_seconds is not None:  # how many clips a recording gives is not always known before it is read
        if len(recordings(plan, Folder(machine, snr, machine_id, "normal"))) < 2:
            raise UserError(
                f"{where}: there is one normal recording only, and clips of one recording can't both train and test. "
                "Add another recording of the healthy machine."
            )
        return
    if "given" in plan.protocols:
        _require_given(plan, Folder(machine, snr, machine_id, "normal"))
    if "strict" in plan.protocols:
        reference = clip_counts(plan, machine, plan.reference_snr, machine_id)[0]
        splits.check_strict_counts(normal, reference, strict_shares(plan), where)


def _require_given(plan: Plan, folder: Folder) -> None:
    """Raise a `UserError` if the given protocol has too few clips."""
    if plan.cache is not None:
        return  # the clip lists that come with caches say it
    counts = Counter(one.split for one in recordings(plan, folder))
    if counts[""]:
        raise UserError(
            f"{folder}: nothing says of {counts['']} of {counts.total()} recordings whether they train or test, as the "
            "given protocol needs. Put {split} into each dataset.pattern (see dataset.splits), fill in the column "
            "split of the sample sheet, or use protocols: [strict]"
        )
    if counts["train"] < 3 or counts["test"] < 1:
        raise UserError(
            f"{folder}: {counts['train']} recordings are given to train and {counts['test']} to test; at least 3 and 1 "
            "are needed."
        )


def ids_without_abnormal_clips(plan: Plan) -> list[str]:
    """Machine and ID of those that are trained on and scored, but that there is no AUC of."""
    return [
        f"{machine} {machine_id}"
        for machine in plan.machines
        for machine_id in plan.ids(machine)
        if not plan.has_abnormal(machine, machine_id)
    ]


def demo_problem(prefix: str = "") -> str | None:
    """A sentence about files of others in the demo's folder, or None; `prefix` stands before its name."""
    return ownership.problem(f"{prefix}{DEMO_ROOT}")
