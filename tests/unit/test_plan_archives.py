"""Which archives a configuration needs, which of them are left to fetch, and whether there is room for them."""

from __future__ import annotations

import fcntl
import os
import random
import shutil
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asd.errors import UserError
from asd.plan import Plan
from asd.plan.archives import (
    archive_settings,
    archives_left,
    bytes_to_come,
    needed_archives,
    peak_use,
    require_space_for,
)

NAMES = ["6_dB_fan", "0_dB_fan", "6_dB_pump", "0_dB_pump"]


def configuration(delete_archives: bool = True) -> dict[str, Any]:
    archives = {name: {"bytes": 1000, "md5": "0" * 32, "unpacked": 5000} for name in [*NAMES, "0_dB_valve"]}
    return {
        "machines": {"fan": {}, "pump": {}},
        "snrs": {"snr6": "6_dB", "snr0": "0_dB"},
        "download": {
            "url": "https://host/{archive}.zip",
            "archive": "{snr_dir}_{machine}",
            "archives": archives,
            "delete_archives": delete_archives,
        },
    }


def plan(config: dict[str, Any], root: str = "data") -> Plan:
    return Plan({"dataset": {"root": root, "samples": None, "cache": None}, **config})


def test_archives_of_the_configured_machines_and_snrs_are_needed_each_once() -> None:
    config = configuration()
    assert needed_archives(plan(config)) == NAMES
    config["download"]["archive"] = "{snr_dir}_fan"
    assert needed_archives(plan(config)) == NAMES[:2]


def test_without_archives_there_is_nothing_to_download() -> None:
    config = configuration()
    del config["download"]
    with pytest.raises(UserError, match="the configuration has no such key"):
        needed_archives(plan(config))


def test_archives_that_are_not_offered_are_named_with_those_that_are() -> None:
    config = configuration()
    del config["download"]["archives"]["0_dB_fan"], config["download"]["archives"]["6_dB_pump"]
    with pytest.raises(UserError, match=r"there is no '0_dB_fan', '6_dB_pump', .* There are 6_dB_fan, 0_dB_pump, "):
        needed_archives(plan(config))


def test_what_has_a_folder_is_not_left_whatever_else_there_is(tmp_path: Path) -> None:
    root = str(tmp_path / "data")
    assert archives_left(plan(configuration(), root)) == NAMES
    assert not os.path.exists(root)
    (tmp_path / "data" / "0_dB_fan").mkdir(parents=True)
    (tmp_path / "data" / "6_dB_fan.zip").write_bytes(b"")
    assert archives_left(plan(configuration(), root)) == ["6_dB_fan", "6_dB_pump", "0_dB_pump"]
    (tmp_path / "data" / "6_dB_pump").write_bytes(b"notes")
    with pytest.raises(UserError, match="6_dB_pump: is in the way of a folder"):
        archives_left(plan(configuration(), root))


def test_a_download_that_runs_is_told_and_what_a_killed_one_has_left_is_not(tmp_path: Path) -> None:
    with (tmp_path / ".0_dB_fan.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(UserError, match=r"another download into this folder is running \(0_dB_fan.zip\)"):
            archives_left(plan(configuration(), str(tmp_path)))
    assert archives_left(plan(configuration(), str(tmp_path))) == NAMES


def test_settings_of_an_archive_are_its_own(tmp_path: Path) -> None:
    config = configuration()
    del config["download"]["archives"]["0_dB_pump"]["unpacked"]
    common = {"root": "data", "size": 1000, "md5": "0" * 32, "sha256": None, "delete_archive": True}
    for name, unpacked, most in (("6_dB_fan", 5000, 5000), ("0_dB_pump", 1500, 20_000)):
        url = f"https://host/{name}.zip"
        assert archive_settings(plan(config, "data"), name) == {
            **common,
            "name": name,
            "url": url,
            "unpacked": unpacked,
            "most_unpacked": most,
        }


def test_what_is_there_need_not_come(tmp_path: Path) -> None:
    root = str(tmp_path)
    assert bytes_to_come(plan(configuration(), root), "6_dB_fan") == 6000
    (tmp_path / "6_dB_fan.zip.part").write_bytes(bytes(300))
    assert bytes_to_come(plan(configuration(), root), "6_dB_fan") == 5700
    (tmp_path / "6_dB_fan.zip").write_bytes(bytes(1001))
    assert bytes_to_come(plan(configuration(), root), "6_dB_fan") == 5000


@pytest.mark.parametrize(
    ("delete_archives", "at_once", "needed"), [(True, 1, 21000), (True, 2, 22000), (True, 9, 24000), (False, 1, 24000)]
)
def test_room_is_needed_for_all_archives_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, delete_archives: bool, at_once: int, needed: int
) -> None:
    disk = SimpleNamespace(free=needed - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: disk)
    config, root = configuration(delete_archives), str(tmp_path / "yet to be made")
    with pytest.raises(UserError) as caught:
        require_space_for(plan(config, root), NAMES, at_once)
    for part in (root, f"({needed} bytes)", f"({needed - 1} bytes)", ", ".join(NAMES)):
        assert part in str(caught.value)
    disk.free += 1
    require_space_for(plan(config, root), NAMES, at_once)


def test_nothing_needs_no_room(tmp_path: Path) -> None:
    require_space_for(plan({"download": None}, str(tmp_path)), [], 4)


USES = st.lists(st.tuples(st.integers(0, 90), st.integers(0, 90)), min_size=1, max_size=5)


@settings(deadline=None, max_examples=int(os.environ.get("FUZZ", "50")))
@given(USES, st.integers(1, 4), st.randoms())
def test_the_peak_is_never_exceeded_whatever_the_order_of_events(
    uses: list[tuple[int, int]], at_once: int, rng: random.Random
) -> None:
    waiting, running, used = list(uses), [], 0
    rng.shuffle(waiting)
    while waiting or running:
        if waiting and len(running) < at_once and rng.random() < 0.7:
            taken, returned = waiting.pop()
            fetched = rng.randint(0, taken)
            running.append([fetched, taken - fetched, -returned])
        elif running:
            steps = rng.choice(running)
            used += steps.pop(0)
            assert used <= peak_use(uses, at_once)
            running = [steps for steps in running if steps]


@settings(deadline=None, max_examples=int(os.environ.get("FUZZ", "50")))
@given(USES, st.integers(1, 4))
def test_the_peak_is_no_higher_than_it_can_come_to(uses: list[tuple[int, int]], at_once: int) -> None:
    most = 0
    for states in product(("waiting", "unpacked", "done"), repeat=len(uses)):
        if states.count("unpacked") <= at_once:
            there = {"waiting": (0, 0), "unpacked": (1, 0), "done": (1, -1)}
            used = sum(
                taken * there[state][0] + returned * there[state][1]
                for (taken, returned), state in zip(uses, states, strict=True)
            )
            most = max(most, used)
    assert peak_use(uses, at_once) == most
