"""Archives of recordings: which the configured machines and SNRs need, which are left to fetch, and room for them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

from ..download.place import Place, require_space
from ..errors import UserError
from .configuration import NO_ROOT
from .run import Plan

_UNPACKED_GUESS = 1.5  # times the size of an archive that does not say how large its files are
_UNPACKED_MOST = 20  # times the size: recordings are never packed that tightly, but archives made to fill a disk are


def needed_archives(plan: Plan) -> list[str]:
    """Names of the archives that hold the configured machines at the configured SNRs, in this order.

    Raises
    ------
    UserError
        If the configuration has no archives, or not those.
    """
    download = plan.config.get("download")
    if download is None:
        raise UserError(
            "download: the configuration has no such key. config/mimii.yaml has one, and config/README.md says what it "
            "means."
        )
    if "root" not in plan.config["dataset"]:
        raise UserError(f"dataset.root: {NO_ROOT}.")
    snr_dirs = plan.config["snrs"].values()
    names = [
        download["archive"].format(machine=machine, snr_dir=snr_dir)
        for machine, snr_dir in product(plan.machines, snr_dirs)
    ]
    unknown = [repr(name) for name in dict.fromkeys(names) if name not in download["archives"]]
    if unknown:
        raise UserError(
            f"download.archives: there is no {', '.join(unknown)}, which the machines and snrs need. There are "
            f"{', '.join(download['archives'])}."
        )
    return list(dict.fromkeys(names))


def archives_left(plan: Plan) -> list[str]:
    """Names of the needed archives that have no folder yet.

    Raises
    ------
    UserError
        As `needed_archives` does, if a file stands where a folder has to be, or if another process fetches one of them.
    """
    places = {name: Place(plan.root, name) for name in needed_archives(plan)}
    left = [name for name, place in places.items() if not place.is_done()]
    for name in left:
        if places[name].lock.exists():
            with places[name].locked():
                pass
    return left


def archive_settings(plan: Plan, name: str) -> dict[str, Any]:
    """What a job has to know to fetch an archive."""
    download = plan.config["download"]
    archive = download["archives"][name]
    return {
        "root": plan.root,
        "name": name,
        "url": download["url"].format(archive=name),
        "size": archive["bytes"],
        "md5": archive["md5"],
        "sha256": archive.get("sha256"),
        "unpacked": archive.get("unpacked", int(_UNPACKED_GUESS * archive["bytes"])),
        "most_unpacked": archive.get("unpacked", _UNPACKED_MOST * archive["bytes"]),
        "delete_archive": download["delete_archives"],
    }


def megabytes_to_come(plan: Plan, name: str) -> int:
    """The same as `bytes_to_come`, rounded up, as a job asks a scheduler for it."""
    return math.ceil(bytes_to_come(plan, name) / 1e6)


def bytes_to_come(plan: Plan, name: str) -> int:
    """Bytes that an archive takes on the disk, as it is fetched and unpacked, beyond those there now."""
    settings = archive_settings(plan, name)
    return Place(plan.root, name).missing(settings["size"]) + int(settings["unpacked"])


def require_space_for(plan: Plan, names: Sequence[str], at_once: int) -> None:
    """Raise a `UserError` if archives, so many of them at once, have no room in the folder of the recordings."""
    if not names:
        return
    download = plan.config["download"]
    uses = [
        (bytes_to_come(plan, name), download["archives"][name]["bytes"] if download["delete_archives"] else 0)
        for name in names
    ]
    require_space(Path(plan.root), peak_use(uses, at_once), f"fetching and unpacking {', '.join(names)}")


def peak_use(uses: Sequence[tuple[int, int]], at_once: int) -> int:
    """Most bytes that archives take at a time, in whatever order they are worked on.

    Parameters
    ----------
    uses
        Of each archive: bytes that it takes until it is unpacked, and how many of the archive itself, which may have
        been there before, are given back then.
    at_once
        How many are worked on at once.

    Notes
    -----
    Each archive takes most when it is just unpacked, which so many do at once at worst: those that give back most.  Of
    all others there is at worst what stays of them, or nothing yet if they give back more than they take.
    """
    staying = sum(max(0, taken - returned) for taken, returned in uses)
    returned = sorted((min(use) for use in uses), reverse=True)
    return staying + sum(returned[:at_once])
