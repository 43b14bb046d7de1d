"""A zip archive over HTTP: fetched, verified, unpacked, and none of it twice.

The archives are some 10 GB each, so whatever stops a transfer, it goes on where it stopped, and of wrong bytes only
the damaged members are fetched again.  pooch, which verifies and unpacks as well, has no resume: a connection dropped
after 9 GB would cost 9 GB.
"""

from __future__ import annotations

import math
import os
import shutil
import time
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import UserError
from .place import Place, amount, disk_errors, require_space
from .transfer import RangesIgnored, Retry, Transfer, say
from .zips import SIGNATURE, Span, TooLarge, check_members, checksums, damaged_spans, directory_start, unpack

_TAILS = tuple(2**power for power in (16, 19, 22, 25))  # bytes fetched again where the end of one can't be read
_MENDINGS = 5  # rounds of finding and fetching damaged members


@dataclass(frozen=True)
class Archive:
    """A zip archive on a server.

    Attributes
    ----------
    name
        The archive is kept as ``<name>.zip`` and unpacked into the folder ``<name>``.
    url
        Where it is.
    size
        Bytes.
    md5
        Of the archive, 32 hexadecimal digits.
    unpacked
        Bytes of its members once unpacked, or a guess.
    most_unpacked
        Bytes beyond which unpacking stops: a small archive can be made that fills any disk.
    sha256
        Of the archive, 64 hexadecimal digits, where its publisher names them.
    """

    name: str
    url: str
    size: int
    md5: str
    unpacked: int
    most_unpacked: int | None = None
    sha256: str | None = None


def fetch_archive(
    archive: Archive,
    root: str | os.PathLike[str],
    *,
    delete_archive: bool,
    retry: Retry = Retry(),  # noqa: B008
) -> None:
    """Have an archive unpacked as a folder in `root`, and do only what is left to do for that.

    An archive whose folder exists is done: the folder gets its name once all is unpacked and checked.  One that was
    put into `root` by hand is verified and used.  Interrupted in any way, the same call goes on where it stopped.

    Parameters
    ----------
    root
        Folder, made if need be.
    delete_archive
        Whether the archive is removed once it is unpacked.
    retry
        Patience with the server and the network.

    Raises
    ------
    UserError
        If the disk has too little space or can't be written, another process works on the archive, or it can't be
        had, is not what it should be, or would write outside of its folder.
    """
    place = Place(root, archive.name)
    if place.is_done():
        say(archive.name, f"is unpacked already ({place.folder})")
        return
    with disk_errors(place.root):
        place.root.mkdir(parents=True, exist_ok=True)
        with place.locked():
            if not place.is_done():
                _Work(archive, place, retry).run(delete_archive)


class _Work:
    """What is to be done for one archive."""

    def __init__(self, archive: Archive, place: Place, retry: Retry) -> None:
        self._archive = archive
        self._place = place
        self._transfer = Transfer(archive.url, archive.size, place.part, retry)

    def run(self, delete_archive: bool) -> None:
        """Fetch the archive as far as it is not here, verify and unpack it.

        Raises
        ------
        UserError
            If that can't be done.
        """
        if self._place.temporary.exists():
            shutil.rmtree(self._place.temporary)
        needed = self._place.missing(self._archive.size) + self._archive.unpacked
        require_space(self._place.root, needed, f"fetching and unpacking {self._archive.name}")
        if not self._adopt():
            self._obtain()
        self._unpack()
        if delete_archive:
            self._place.zip.unlink()

    @property
    def _most_unpacked(self) -> float:
        return math.inf if self._archive.most_unpacked is None else self._archive.most_unpacked

    def _say(self, text: str) -> None:
        say(self._archive.name, text)

    def _adopt(self) -> bool:
        """Whether there is an archive that can be used; a wrong one becomes the beginning of a right one.

        A link stays as it is: what it leads to is not ours to change.
        """
        if not self._place.zip.exists():
            return False
        size = self._place.zip.stat().st_size
        if size == self._archive.size and self._found_md5(self._place.zip) == self._archive.md5:
            return True
        self._say(f"{self._place.zip} is not the archive, or not all of it")
        longer = not self._place.part.exists() or size >= self._place.part.stat().st_size
        if longer and not self._place.zip.is_symlink():
            os.replace(self._place.zip, self._place.part)
        return False

    def _found_md5(self, path: Path) -> str:
        started = time.monotonic()
        self._say(f"verifying {amount(self._archive.size)}, which may take minutes")
        found = checksums(path, ["md5"] if self._archive.sha256 is None else ["md5", "sha256"])
        verdict = "verified" if found["md5"] == self._archive.md5 else "has wrong bytes"
        self._say(f"{verdict}, {time.monotonic() - started:.0f} s")
        if found["md5"] == self._archive.md5 and found.get("sha256") != self._archive.sha256:
            raise UserError(
                f"{path}: the archive has the right MD5, but the SHA-256 {found['sha256']} and should have "
                f"{self._archive.sha256}. Compare both with those that its publisher names, and correct the "
                "configuration (download.archives); if they are right, the file is a forgery: delete it."
            )
        return found["md5"]

    def _obtain(self) -> None:
        """Make a right archive of what there is of it, which may be nothing.

        Raises
        ------
        UserError
            If its bytes are wrong although all of it was fetched now.
        """
        self._trim()
        found = self._mended_md5() if self._fetched() == self._archive.size else None
        if found != self._archive.md5:
            if found is not None:
                self._start_over("fetching all of it again")
            self._fetch_rest()
            found = self._mended_md5()
        if found != self._archive.md5:
            raise UserError(
                f"{self._archive.url}: the archive has the MD5 {found} and should have {self._archive.md5} "
                f"({self._place.part}). It may have been replaced by another version; compare the MD5 with the one its "
                "publisher names. Running the same command again fetches all of it once more."
            )
        os.replace(self._place.part, self._place.zip)

    def _fetched(self) -> int:
        """Bytes of the beginning that is there."""
        return self._place.part.stat().st_size if self._place.part.exists() else 0

    def _trim(self) -> None:
        """Cut off of a beginning what can't belong to it: all that follows the end, or everything."""
        size = self._fetched()
        if size == 0:
            return
        with self._place.part.open("rb") as file:
            signed = file.read(len(SIGNATURE)) == SIGNATURE
        if not signed:
            self._start_over(f"{self._place.part} is not the beginning of an archive")
        elif size > self._archive.size:
            os.truncate(self._place.part, self._archive.size)

    def _start_over(self, reason: str) -> None:
        self._say(f"{reason}; starting at byte 0")
        os.truncate(self._place.part, 0)

    def _fetch_rest(self) -> None:
        """Fetch what is missing behind the beginning; all of it if the server knows no ranges.

        Raises
        ------
        UserError
            If that can't be done.
        """
        start, size = self._fetched(), self._archive.size
        self._say(f"resumed at byte {start} of {size}" if start else f"starts, {amount(size)}")
        started = time.monotonic()
        try:
            try:
                self._transfer.fetch(start, size)
            except RangesIgnored:
                self._start_over("its server sends only whole archives")
                self._transfer.fetch(0, size)
        except RangesIgnored:
            raise UserError(
                f"{self._archive.url}: the server sends only whole archives, and drops the connection before the end. "
                f"Fetch the archive by hand, put it there as {self._place.zip}, and run the same command again."
            ) from None
        self._say(f"complete, {amount(size)} in {time.monotonic() - started:.0f} s")

    def _mended_md5(self) -> str:
        """MD5 of all that was fetched, damaged members of which are fetched again, some rounds if need be."""
        found = self._found_md5(self._place.part)
        for _ in range(_MENDINGS):
            if found == self._archive.md5:
                break
            self._say("looking for damaged members, which may take minutes")
            try:
                damaged = self._mend_members() if self._mend_directory() else None
            except RangesIgnored:
                break
            found = self._found_md5(self._place.part)
            if damaged == []:  # damage that is in no member can't be found
                break
        return found

    def _mend_directory(self) -> bool:
        """Fetch the archive's directory again, which tells what members there are; whether it can be read.

        The end says where it begins, so where it can't be read, ever more of the end is fetched before.
        """
        size = end = self._archive.size
        for length in _TAILS:
            if directory_start(self._place.part) is not None or end == 0:
                break
            start = max(0, size - length)
            self._fetch_again([(start, end)])
            end = start
        directory = directory_start(self._place.part)
        if directory is not None and directory < end:
            self._fetch_again([(directory, end)])
        return directory_start(self._place.part) is not None

    def _mend_members(self) -> list[Span]:
        """Fetch the damaged members again; return where they are."""
        spans = damaged_spans(self._place.part)
        self._fetch_again(spans)
        return spans

    def _fetch_again(self, spans: Sequence[Span]) -> None:
        size = sum(end - start for start, end in spans)
        if spans:
            self._say(f"fetching {amount(size)} again, pieces: {len(spans)}")
        for start, end in spans:
            self._transfer.fetch(start, end, mending=True)

    def _unpack(self) -> None:
        """Unpack the verified archive into a hidden folder, and rename that.

        Raises
        ------
        UserError
            If the archive can't be read, is refused, or needs more space than there is.
        """
        started = time.monotonic()
        try:
            with zipfile.ZipFile(self._place.zip) as archive:
                members = archive.infolist()
                check_members(self._place.zip, members)
                needed = sum(member.file_size for member in members)
                if needed > self._most_unpacked:
                    raise TooLarge
                require_space(self._place.root, needed, f"unpacking {self._place.zip}")
                self._say(f"unpacking {len(members)} members, {amount(needed)}, which may take minutes")
                with disk_errors(self._place.temporary):
                    unpack(archive, members, self._place.temporary, self._place.folder, self._most_unpacked)
        except (OSError, UserError):
            raise
        except TooLarge:
            raise UserError(
                f"{self._place.zip}: not unpacked, since its files take more than the {self._most_unpacked} bytes that "
                "the configuration allows. If the archive is what you want, set "
                f"download.archives.{self._archive.name}.unpacked to what they take, and run the same command again."
            ) from None
        except Exception as error:  # zipfile raises many types
            raise UserError(
                f"{self._place.zip}: can't be unpacked ({error or type(error).__name__}), although it has the right "
                "MD5. The archive is as its publisher made it; ask there."
            ) from None
        files = sum(not member.is_dir() for member in members)
        self._say(f"unpacked {files} files, {time.monotonic() - started:.0f} s")
