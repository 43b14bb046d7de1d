"""What is wrong with the data of a run: clips that are missing, too few, of two kinds at once, or somebody else's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from .. import splits
from ..demo import catalogue, ownership
from ..errors import UserError
from ..recordings.layout import Folder, doubly_used
from .parameters import asked_counts, strict_shares
from .run import DEMO_ROOT, Plan, clip_counts, recordings

_SHOWN = 12


def data_problems(plan: Plan) -> list[str]:
    """A sentence for each problem of the clips, the first dozen of them."""
    problems = [*_problems_of_the_demo(plan), *_problems_of_the_splits(plan)]
    if plan.cache is None and not plan.is_demo and not problems:
        twice = doubly_used({folder: recordings(plan, folder) for folder in plan.folders()})
        problems += [twice] if twice else []
    found = list(dict.fromkeys(problems))
    return found[:_SHOWN] + ([f"and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else [])


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
