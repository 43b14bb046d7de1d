"""What is wrong with the data of a run: clips that are missing, too few, of two kinds at once, or somebody else's."""

from __future__ import annotations

import fnmatch
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

from .. import splits
from ..demo import catalogue, ownership
from ..errors import UserError
from ..recordings.layout import LABELLED, Folder, Listing, Recording, doubly_used
from ..recordings.listing import problem_of_hidden, sentences_about
from ..recordings.names import same_name
from . import configuration
from .archives import archives_left
from .parameters import asked_counts, strict_shares
from .run import DEMO_ROOT, Plan, clip_counts, listing, recordings

_SHOWN = 12


def data_problems(plan: Plan, shown: int | None = _SHOWN) -> list[str]:
    """A sentence for each problem of the clips, the first dozen of them."""
    problems = [*_problems_of_the_demo(plan), *_problems_of_the_splits(plan)]
    problems += _hidden_recordings(plan)
    if plan.cache is None and not plan.is_demo:
        twice = doubly_used(_listings(plan))
        problems += [twice] if twice else []
        problems = problems or list(_texts_without_recordings(plan))
    if problems:
        problems += _to_download(plan)
    found = list(dict.fromkeys(problems))
    more = [] if shown is None or len(found) <= shown else [f"and {len(found) - shown} more"]
    return found[:shown] + more


def data_remarks(plan: Plan) -> list[str]:
    """A sentence for each oddity of the listed recordings, with how many there are in all folders."""
    findings = dict.fromkeys(one for listed in _listings(plan).values() for one in listed.findings)
    if plan.config["dataset"]["on_bad_clip"] == "error":  # these are no remarks then, but problems
        findings = {one: None for one in findings if not one.oddity.may_hide_recordings}
    return [f"Of what dataset.pattern or the sample sheet takes, {one}." for one in sentences_about(findings)]


def _listings(plan: Plan) -> dict[Folder, Listing]:
    """What was found, for each folder that has what it should have."""
    found = {}
    for folder in plan.folders() if plan.cache is None and not plan.is_demo else ():
        with suppress(UserError):
            found[folder] = listing(plan, folder)
    return found


def _hidden_recordings(plan: Plan) -> list[str]:
    """What may hide recordings ends a run, unless it is to skip bad clips."""
    if plan.config["dataset"]["on_bad_clip"] == "skip":
        return []
    findings = dict.fromkeys(one for listed in _listings(plan).values() for one in listed.findings)
    problem = problem_of_hidden(findings)
    return [problem] if problem else []


def _to_download(plan: Plan) -> list[str]:
    """What to do if the archives that the configuration names are not all there."""
    if "download" not in plan.config or plan.samples or plan.cache is not None:
        return []
    try:
        left = archives_left(plan)
    except UserError as error:
        return [str(error)]
    if not left:
        return []
    some_left = ", ".join(left[:3]) + (f" and {len(left) - 3} more" if len(left) > 3 else "")
    return [
        f"download: {len(left)} archives have no folder in {plan.root!r} yet ({some_left}): to fetch and unpack them, "
        "run `snakemake download` with the same configuration"
    ]


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
            if not any(_is_called(name, text) for name in found):
                yield (
                    f"dataset.kinds.{kind}: {text!r} matches no recording of any machine; there are "
                    f"{', '.join(sorted(found))}. Correct or remove it."
                )
    attributes = [dict(one.attributes) for kind in kinds for one in _of_kind(plan, kind)]
    for name, texts in dataset["attributes"].items():
        found = {values[name] for values in attributes if name in values}
        for text in configuration.texts_of(texts):
            if not any(_is_called(value, text) for value in found):
                yield (
                    f"dataset.attributes.{name}: {text!r} matches no recording; there is "
                    f"{', '.join(sorted(found)[:_SHOWN]) or 'none'}. Correct or remove it."
                )


def _is_called(name: str, text: str) -> bool:
    """Whether a name is a text, or taken by it if that is a glob."""
    name, text = same_name(name), same_name(text)
    return name == text or fnmatch.fnmatchcase(name, text)


def _of_kind(plan: Plan, kind: str) -> list[Recording]:
    return [one for folder in plan.folders() if folder.kind == kind for one in recordings(plan, folder)]


def _problems_of_the_demo(plan: Plan) -> Iterator[str]:
    if plan.is_demo:
        yield from catalogue.problems(plan.machines, plan.config["snrs"].values())


def _problems_of_the_splits(plan: Plan) -> Iterator[str]:
    for machine in plan.machines:
        problems = []
        for snr, machine_id in plan.units(machine):
            try:
                _require_clips(plan, machine, snr, machine_id)
            except UserError as error:
                problems.append(str(error))
        yield from problems or _problems_of_the_ddae(plan, machine)


def _problems_of_the_ddae(plan: Plan, machine: str) -> Iterator[str]:
    """What is too little for a machine, though it is enough for each ID."""
    for protocol in plan.protocols:
        if _clips_of_the_ddae(plan, machine, protocol) == 1:
            yield (
                f"machine {machine}, {protocol} protocol: the DDAE needs at least 2 clips to train, the split leaves "
                f"1. {splits.MORE_CLIPS_FOR_THE_DDAE}"
            )


def _clips_of_the_ddae(plan: Plan, machine: str, protocol: splits.ProtocolName) -> int | None:
    """Number of clips of all IDs that train the DDAE; None where that is known only when they are read."""
    if plan.clip_seconds is not None or (protocol == "given" and plan.cache is not None):
        return None
    counts = []
    for machine_id in plan.ids(machine):
        folder = Folder(machine, plan.reference_snr, machine_id, "normal")
        normal = clip_counts(plan, machine, plan.reference_snr, machine_id)[0]
        if protocol == "paper":
            counts.append(min(asked_counts(plan, machine, plan.reference_snr, machine_id).ddae, normal))
        elif protocol == "strict":
            counts.append(splits.strict_ddae_count(normal, strict_shares(plan)["ddae"], str(folder)))
        else:
            train = sum(one.split == "train" for one in recordings(plan, folder))
            counts.append(splits.given_ddae_count(train, splits.given_share(strict_shares(plan))))
    return sum(counts)


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
    if "given" in plan.protocols:
        _require_given(plan, machine, snr, machine_id)
    if plan.clip_seconds is not None:  # how many clips a recording gives is not always known before it is read
        if len(recordings(plan, Folder(machine, snr, machine_id, "normal"))) < 2:
            raise UserError(
                f"{where}: there is one normal recording only, and clips of one recording can't both train and test. "
                "Add another recording of the healthy machine."
            )
        return
    if "strict" in plan.protocols:
        reference = clip_counts(plan, machine, plan.reference_snr, machine_id)[0]
        splits.check_strict_counts(normal, reference, strict_shares(plan), where)


def _require_given(plan: Plan, machine: str, snr: str, machine_id: str) -> None:
    """Raise a `UserError` if the given protocol has too few clips, or nothing says what some are for."""
    if plan.cache is not None:
        return  # the clip lists that come with caches say it
    folders = {kind: Folder(machine, snr, machine_id, kind) for kind in LABELLED}
    counts = {kind: Counter(one.split for one in recordings(plan, folder)) for kind, folder in folders.items()}
    for kind, of_kind in counts.items():
        if of_kind[""]:
            raise UserError(
                f"{folders[kind]}: nothing says of {of_kind['']} of {of_kind.total()} recordings whether they train or "
                "test, as the given protocol needs. Put {split} into each dataset.pattern (see dataset.splits), fill "
                "in the column split of the sample sheet, or use protocols: [strict]"
            )
    train, test = (counts["normal"][split] for split in ("train", "test"))
    needed = 3 if plan.clip_seconds is None else 1
    if train < needed or test < 1:
        raise UserError(
            f"{folders['normal']}: {train} recordings are given to train and {test} to test; at least {needed} and 1 "
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
