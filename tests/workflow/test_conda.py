"""What the workflow does about conda's environments; conda is a stand-in here (`stand_ins.install_conda`)."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from small_data import make_recordings, small_config
from stand_ins import install_conda
from workflow_runner import snakemake, write_config


def test_packages_in_the_home_folder_are_hidden_from_pip_and_from_jobs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where they are seen, pip leaves them out of an environment that is to have them, and jobs import them."""
    make_recordings(tmp_path / "recordings", {"fan": ["id_00"]}, {"snr6": "6_dB"})
    config = small_config(str(tmp_path / "recordings"), ids=("id_00",))
    del config["machines"]["pump"]
    write_config(tmp_path, config | {"snrs": {"snr6": "6_dB"}})
    install_conda(monkeypatch, tmp_path / "conda")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    home = tmp_path / "home" / "lib" / f"python{version}" / "site-packages"
    home.mkdir(parents=True)
    (home / "soxr.py").write_text("raise SystemExit('taken from the home folder')", encoding="utf-8")
    (home / "soundfile.py").write_text("raise SystemExit('taken from the home folder')", encoding="utf-8")
    monkeypatch.setenv("PYTHONUSERBASE", str(tmp_path / "home"))
    monkeypatch.delenv("PYTHONNOUSERSITE", raising=False)
    options = ("--configfile", tmp_path / "config.yaml", "--sdm", "conda")
    snakemake(tmp_path, *options, "--", "results/features/fan/snr6_id_00_normal.npy").ok()
    [note] = tmp_path.glob(".snakemake/conda/*/made_without_user_site")
    assert note.read_text(encoding="utf-8") == "1\n"
