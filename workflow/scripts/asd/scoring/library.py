"""A folder of models: which one is whose, and which one is meant."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from ..errors import UserError
from ..files import StrPath
from ..files.neutral import in_one_line
from ..models.files import read_model
from ..models.metadata import Metadata
from ..recordings.names import is_ignored, same_name
from .command import tell
from .inputs import natural_order

PREFERRED_PROTOCOL = "strict"
"""Where models differ in nothing else: its test clips have trained nothing."""

_ENDING = ".onnx"
_NO_MODEL = "features.onnx"  # computes features
_SHOWN = 12  # models that a message lists


@dataclass(frozen=True)
class Shelved:
    """A model in a folder."""

    path: str
    about: Metadata

    @property
    def name(self) -> str:
        """What ``--model-for`` takes for it."""
        return f"{self.about.machine}/{self.about.id}/{self.about.snr}"

    def __str__(self) -> str:
        about = self.about
        label = f" ({about.snr_label})" if about.snr_label else ""
        run = f"noise factor {about.noise_factor}, seed {about.seed}, protocol {about.protocol}"
        return in_one_line(f"{self.name}{label}, {run}: {self.path}")


@dataclass(frozen=True)
class Library:
    """The models in a folder and all below it.

    Attributes
    ----------
    problems
        What can't be used, a sentence each.
    """

    folder: str
    models: tuple[Shelved, ...]
    problems: tuple[str, ...] = ()

    @classmethod
    def of(cls, folder: StrPath) -> Library:
        """Look through a folder.

        Raises
        ------
        UserError
            If it is none, or there are no models in it.
        """
        folder = os.fspath(folder)
        if not os.path.isdir(folder):
            raise UserError(f"{folder}: is not a folder. Give one of models, such as results/models.")
        models, problems = [], []
        for path in _files(folder):
            try:
                models.append(Shelved(path, read_model(path).about))
            except UserError as error:
                problems.append(str(error))
        if not models:
            why = f" {problems[0]}" if problems else ""
            raise UserError(f"{folder}: there is no model in this folder (<machine>/<run>/<snr>_<id>.onnx).{why}")
        return cls(folder, tuple(models), tuple(problems))

    def only_one(self) -> Shelved:
        """The model, if there is just one.

        Raises
        ------
        UserError
            Otherwise, with the choice.
        """
        if len(self.models) > 1:
            raise UserError(
                f"{self.folder}: there are {len(self.models)} models in this folder. Say whose is meant with "
                f"--model-for MACHINE/ID or MACHINE/ID/SNR, or give one of the files:\n{_choice(self.models)}"
            )
        return self.models[0]

    def model_for(self, wanted: str) -> Shelved:
        """The model of ``machine/ID`` or ``machine/ID/SNR``.

        Raises
        ------
        UserError
            If there is none, or more than one that could be meant.
        """
        parts = wanted.split("/")
        if len(parts) not in (2, 3) or not all(parts):
            raise UserError(f"--model-for {wanted}: MACHINE/ID or MACHINE/ID/SNR is wanted, such as fan/id_00/snr6")
        machine, machine_id, *snr = map(same_name, parts)
        found = [
            one
            for one in self.models
            if (same_name(one.about.machine), same_name(one.about.id)) == (machine, machine_id)
            and (not snr or _is_snr(one.about, snr[0]))
        ]
        if not found:
            raise UserError(f"{self.folder}: there is no model for {wanted}. There are:\n{_choice(self.models)}")
        return _the_one(
            found, f"{self.folder}: for {wanted}", f"Name the SNR as well, as in --model-for {found[0].name}"
        )

    def model_by_path(self, recording: StrPath) -> Shelved:
        """The model of a recording that lies in a folder named like its ID, below one named like its machine.

        Of several SNRs, that which begins the name of one of its folders, such as ``6_dB_fan``.

        Raises
        ------
        UserError
            If there is none, or more than one that could be meant.
        """
        folders = [same_name(part) for part in os.path.abspath(recording).split("/")[:-1]]
        places = {number: _place(one.about, folders) for number, one in enumerate(self.models)}
        deepest = max(places.values())
        if deepest is _NOWHERE:
            raise UserError(
                f"{os.fspath(recording)}: no model is for it: no folder above it has the name of an ID, below one "
                f"with the name of its machine. There are: {self._every_name}"
            )
        found = [self.models[number] for number, place in places.items() if place == deepest]
        by_snr = [one for one in found if _has_snr(one.about, folders)]
        return _the_one(
            by_snr or found,
            f"{os.fspath(recording)}: for it",
            "Name a folder of the recordings after the SNR, or choose the model yourself with --model-for",
        )

    @cached_property
    def _every_name(self) -> str:
        names = list(dict.fromkeys(f"{one.about.machine}/{one.about.id}" for one in self.models))
        return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def chosen_model(model: str, wanted: str | None = None) -> str:
    """The file of the model that is meant: `model` itself or, if it is a folder, one in it.

    Parameters
    ----------
    wanted
        ``machine/ID`` or ``machine/ID/SNR``, for a folder with several.

    Raises
    ------
    UserError
        If it is not clear which one.
    """
    if not os.path.isdir(model):
        if wanted is not None:
            raise UserError(f"{model}: --model-for chooses from a folder of models, and this is none")
        return model
    library = Library.of(model)
    for problem in library.problems:
        tell(problem)
    return (library.only_one() if wanted is None else library.model_for(wanted)).path


def _files(folder: str) -> list[str]:
    """Files that may be models, in natural order."""
    found = []
    for place, folders, names in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if not is_ignored(name)]
        found += [
            os.path.join(place, name)
            for name in names
            if name.endswith(_ENDING) and name != _NO_MODEL and not is_ignored(name)
        ]
    return sorted(found, key=natural_order)


def _is_snr(about: Metadata, wanted: str) -> bool:
    """Whether an SNR is meant: by its name, to the letter (``snr6`` and ``snr_6`` may be two), or by its label, with or
    without blanks (``6 dB``, ``6_dB``, ``6dB``)."""
    return wanted == same_name(about.snr) or (about.snr_label != "" and _loosely(wanted) == _loosely(about.snr_label))


def _loosely(label: str) -> str:
    return re.sub(r"[\s_]+", "", same_name(label)).casefold()


_NOWHERE = (-1, -1)


def _place(about: Metadata, folders: Sequence[str]) -> tuple[int, int]:
    """How deep the folders with the names of an ID and of its machine, above that, lie."""
    machine, machine_id = same_name(about.machine), same_name(about.id)
    pairs = [
        (below, above)
        for below, name in enumerate(folders)
        if name == machine_id
        for above in range(below)
        if folders[above] == machine
    ]
    return max(pairs, default=_NOWHERE)


def _has_snr(about: Metadata, folders: Iterable[str]) -> bool:
    """Whether a folder is called by the SNR, or begins with it in front of another word."""
    beginnings = [f"{part}_".replace(" ", "_").casefold() for part in folders]
    snrs = [f"{name}_".replace(" ", "_").casefold() for name in (about.snr, about.snr_label) if name]
    return any(beginning.startswith(snr) for beginning in beginnings for snr in snrs)


def _the_one(found: Sequence[Shelved], where: str, advice_on_snr: str) -> Shelved:
    """The model, if only the protocol is left to choose.

    Raises
    ------
    UserError
        Otherwise, with the choice.
    """
    runs = {(one.about.snr, one.about.noise_factor, one.about.seed) for one in found}
    preferred = [one for one in found if one.about.protocol == PREFERRED_PROTOCOL]
    chosen = preferred if len(runs) == 1 and preferred else found
    if len(chosen) == 1:
        return chosen[0]
    several = len({one.about.snr for one in found}) > 1
    advice = advice_on_snr if several else "Give the folder of one run, or one of the files"
    raise UserError(f"{where} there are {len(found)} models. {advice}:\n{_choice(found)}")


def _choice(models: Sequence[Shelved]) -> str:
    more = [f"  and {len(models) - _SHOWN} more"] if len(models) > _SHOWN else []
    return "\n".join([*(f"  {one}" for one in models[:_SHOWN]), *more])
