"""What the plan of a run needs is imported where there is nothing but Python: no NumPy, no package that needs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from places import SCRIPTS

_WITHOUT = """
import sys

BLOCKED = {"numpy", "scipy", "sklearn", "soundfile", "pandas", "torch", "librosa", "matplotlib", "pyod", "soxr", "av"}

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ImportError(f"{name} is not installed here")

sys.meta_path.insert(0, Refuse())
"""


def run_without_packages(code: str) -> str:
    """What `code` prints where none of the packages that jobs need can be imported."""
    command = [sys.executable, "-c", _WITHOUT + code]
    done = subprocess.run(command, cwd=SCRIPTS, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_packages_are_blocked() -> None:
    with pytest.raises(AssertionError, match="numpy is not installed here"):
        run_without_packages("import asd.features.caches")


@pytest.mark.parametrize(
    "module",
    [
        *("asd.files.integrity", "asd.files.atomic", "asd.features.rows", "asd.splits", "asd.ddae.run"),
        *(
            "asd.detection.views",
            "asd.detection.detectors",
            "asd.detection.origins",
            "asd.ddae.origins",
        ),
        *("asd.plan.origins", "asd.plan.provenance", "asd.plan.leftovers", "asd.plan.new_recordings"),
    ],
)
def test_a_module_is_imported_without_packages(module: str) -> None:
    run_without_packages(f"import {module}")


def test_rows_are_counted_without_numpy(tmp_path: Path) -> None:
    np.save(tmp_path / "c.npy", np.zeros((7, 136), np.float32))
    np.save(tmp_path / "none.npy", np.zeros((0, 136)))
    code = (
        "from asd.features.rows import count_rows\n"
        f"print(count_rows({str(tmp_path / 'c.npy')!r}), count_rows({str(tmp_path / 'none.npy')!r}, allow_empty=True))"
    )
    assert run_without_packages(code) == "7 0"


def test_clips_are_counted_for_every_protocol_without_numpy() -> None:
    code = """
from asd.errors import UserError
from asd.splits import AskedCounts, check_strict_counts, paper_counts, paper_ddae_count

print(paper_counts(AskedCounts.auto(100, 40), 100, 40, "error", "here"), paper_ddae_count(9, 30, "error", "here"))
check_strict_counts(10, 10, {"ddae": 20, "ad_train": 56, "ad_test": 24}, "here")
try:
    check_strict_counts(3, 3, {"ddae": 20, "ad_train": 56, "ad_test": 24}, "here")
except UserError as error:
    print(error)
"""
    counts, message = run_without_packages(code).splitlines()
    assert counts == "Counts(n_train=78, n_normal=17, n_abnormal=16) 9"
    assert message.startswith("here: 3 normal clips are too few for the strict protocol")


def test_entries_of_the_configuration_are_completed_without_numpy() -> None:
    code = """
from asd.detection.detectors import METHODS, complete

print(*(complete(name)["projection"] for name in (*METHODS, "PYOD:ECOD")))
"""
    assert set(run_without_packages(code).split()) == {"map-pca", "whitening", "standard", "none"}
