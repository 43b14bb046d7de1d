"""The order of the tests, and the shared real data where there are any."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

# Before NumPy: on two cores, two workers with two threads each wait for one another most of the time
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

# Tests read which jobs ran in Snakemake's own output; what people see in its place has tests of its own
os.environ.setdefault("ASD_CONSOLE", "snakemake")

import pytest  # noqa: E402

from places import SHARED  # noqa: E402


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first, so that no worker is left with one of them at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)  # which keeps the order within a file


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


@pytest.fixture(scope="session")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of a machine that hums."""
    from shop_floor import hum_model

    path = tmp_path_factory.mktemp("model") / "fan.onnx"
    hum_model(path)
    return path


@pytest.fixture(scope="session")
def model(model_file: Path) -> Any:
    """The same, loaded."""
    from asd.scoring.model import Model

    return Model.load(model_file)
