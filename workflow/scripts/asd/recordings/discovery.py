"""Machines, IDs and noise levels that a configuration leaves out, as far as the pattern and the folders say them."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from typing import Any

from ..errors import UserError
from .layout import clean_path, expression_of, placeholders
from .samplesheet import ONLY_SNR

ONLY_MACHINE = "machine"
ONLY_ID = "00"
"""What machine and ID are called where the pattern has no placeholder for them."""

_EXAMPLE = "machines: {fan: {ids: [id_00, id_02]}}"


def complete_from_folders(config: dict[str, Any], patterns: tuple[str, ...]) -> None:
    """Fill in, in place, what a configuration without a sample sheet may leave out: ``snrs`` and ``reference_snr``
    where no pattern has ``{snr_dir}``, and ``machines`` where ``{machine}`` and ``{id}`` are the names of folders.

    Raises
    ------
    UserError
        If machines are left out and can't be found.
    """
    if not any("snr_dir" in _names(pattern) for pattern in patterns):
        config.setdefault("snrs", {ONLY_SNR: ""})
    snrs = config.get("snrs")
    if isinstance(snrs, dict) and len(snrs) == 1:
        config.setdefault("reference_snr", next(iter(snrs)))
    root = config["dataset"].get("root")
    if "machines" not in config and isinstance(root, str) and root:
        config["machines"] = {
            machine: {"ids": sorted(ids)} for machine, ids in sorted(_found(clean_path(root), patterns).items())
        }


def _names(pattern: str) -> list[str]:
    try:
        return placeholders(pattern)
    except ValueError:  # is reported with the pattern
        return []


def _found(root: str, patterns: Iterable[str]) -> dict[str, set[str]]:
    """Machine -> IDs of the folders that patterns take and that hold anything they take."""
    if not os.path.isdir(root):
        raise UserError(
            f"dataset.root: there is no folder {root!r}{'' if os.path.isabs(root) else f' in {os.getcwd()!r}'}. Set "
            "dataset.root to the folder that holds the recordings."
        )
    found: dict[str, set[str]] = {}
    for pattern in patterns:
        names, parts = _names(pattern), pattern.split("/")
        depths = []
        for name in {"machine", "id"} & set(names):
            if f"{{{name}}}" not in parts[:-1]:
                raise UserError(
                    f"machines: is missing. {{{name}}} is not the name of a folder in dataset.pattern ({pattern!r}), "
                    f"so that machines and IDs can't be found; list them: {_EXAMPLE}"
                )
            depths.append(parts.index(f"{{{name}}}") + 1)
        folders = "/".join(parts[: max(depths, default=0)])
        captured = dict.fromkeys(names, "*")
        expression = expression_of(folders, {}, captured)
        for folder in glob.glob(folders.format(**captured), root_dir=root, recursive=True) if folders else [""]:
            match = expression.fullmatch(folder)
            if match is None:
                continue
            about = {name: glob.escape(text) for name, text in match.groupdict().items()}
            if any(glob.iglob(pattern.format(**{**captured, **about}), root_dir=root, recursive=True)):
                named = match.groupdict()
                found.setdefault(named.get("machine", ONLY_MACHINE), set()).add(named.get("id", ONLY_ID))
    if not found:
        there = ", ".join(sorted(os.listdir(root))[:8]) if os.path.isdir(root) else ""
        raise UserError(
            f"machines: is missing, and nothing in {root!r} matches dataset.pattern ({', '.join(patterns)}). "
            f"{f'It holds: {there}. ' if there else ''}Correct dataset.root and dataset.pattern, or list the machines: "
            f"{_EXAMPLE}"
        )
    return found
