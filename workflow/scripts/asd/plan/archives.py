"""Archives of recordings: which ones the configured machines and SNRs need, which are left to fetch, and room for them.

`config` is the checked configuration with its defaults, `root` the folder of the recordings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from ..download.place import Place, require_space
from ..errors import UserError

_UNPACKED_GUESS = 1.5  # times the size of an archive that does not say how large its files are

Config = Mapping[str, Any]


def needed_archives(config: Config) -> list[str]:
    """Names of the archives that hold the configured machines at the configured SNRs, in this order.

    Raises
    ------
    UserError
        If the configuration has no archives, or not those.
    """
    download = config.get("download")
    if download is None:
        raise UserError(
            "download: the configuration has no such key. config/mimii.yaml has one, and config/README.md says what it "
            "means."
        )
    snr_dirs = config["snrs"].values()
    names = [
        download["archive"].format(machine=machine, snr_dir=snr_dir)
        for machine, snr_dir in product(config["machines"], snr_dirs)
    ]
    unknown = [repr(name) for name in dict.fromkeys(names) if name not in download["archives"]]
    if unknown:
        raise UserError(
            f"download.archives: there is no {', '.join(unknown)}, which the machines and snrs need. There are "
            f"{', '.join(download['archives'])}."
        )
    return list(dict.fromkeys(names))


def archives_left(config: Config, root: str) -> list[str]:
    """Names of the needed archives that have no folder in `root` yet.

    Raises
    ------
    UserError
        As `needed_archives` does, if a file stands where a folder has to be, or if another process fetches one of them.
    """
    places = {name: Place(root, name) for name in needed_archives(config)}
    left = [name for name, place in places.items() if not place.is_done()]
    for name in left:
        if places[name].lock.exists():
            with places[name].locked():
                pass
    return left


def archive_settings(config: Config, root: str, name: str) -> dict[str, Any]:
    """What a job has to know to fetch an archive."""
    download = config["download"]
    archive = download["archives"][name]
    return {
        "root": root,
        "name": name,
        "url": download["url"].format(archive=name),
        "size": archive["bytes"],
        "md5": archive["md5"],
        "unpacked": archive.get("unpacked", int(_UNPACKED_GUESS * archive["bytes"])),
        "delete_archive": download["delete_archives"],
    }


def bytes_to_come(config: Config, root: str, name: str) -> int:
    """Bytes that an archive takes on the disk, as it is fetched and unpacked, beyond those there now."""
    settings = archive_settings(config, root, name)
    return Place(root, name).missing(settings["size"]) + int(settings["unpacked"])


def require_space_for(config: Config, root: str, names: Sequence[str], at_once: int) -> None:
    """Raise a `UserError` if archives have no room in `root`, of which so many are worked on at once."""
    if not names:
        return
    deleted = config["download"]["delete_archives"]
    uses = [
        (bytes_to_come(config, root, name), config["download"]["archives"][name]["bytes"] if deleted else 0)
        for name in names
    ]
    require_space(Path(root), peak_use(uses, at_once), f"fetching and unpacking {', '.join(names)}")


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
