"""Puts the package `asd` on the import path, and finds the shared real data where there are any."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED = REPOSITORY.parent / "shared"

sys.path.insert(0, str(REPOSITORY / "workflow" / "scripts"))


# Minutes each: they are started first, so that no worker is left with one of them at the end
SLOW = (
    *("test_slurm", "test_reruns", "test_real_data", "test_report", "test_workflow", "test_own_data", "test_bad_input"),
    *("test_faults", "test_benchmarks", "test_kubernetes", "test_gpu_profile", "test_container", "test_hostile_files"),
    *("test_download", "test_hostile_recordings"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: SLOW.index(item.path.stem) if item.path.stem in SLOW else len(SLOW))


@pytest.fixture(scope="session")
def fan_caches() -> Path:
    """Folder of the real feature caches of MIMII's fan: ``{snr}_{id}_{kind}.npy``."""
    folder = SHARED / "data" / "mimii_features" / "cache_fan_fast"
    if not folder.is_dir():
        pytest.skip("the real feature caches (../shared/data/mimii_features) are not here")
    return folder


@pytest.fixture(scope="session")
def fan_recordings() -> Path:
    """Root of 24 real MIMII recordings in MIMII's layout: fan at -6 dB, id_00 and id_02."""
    folder = SHARED / "data" / "mimii_audio"
    if not folder.is_dir():
        pytest.skip("the real recordings (../shared/data/mimii_audio) are not here")
    return folder
