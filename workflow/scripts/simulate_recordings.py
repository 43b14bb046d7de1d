"""Rule simulate_recordings: the demo's recordings of one machine ID, at every SNR, and the manifest that lists them."""

from pathlib import Path

from asd.demo.catalogue import snr_db_of
from asd.demo.ownership import Manifest
from asd.demo.write import write_recordings
from asd.joblog import job_log
from asd.recordings.layout import LABELLED

with job_log(snakemake.log[0]):
    settings = snakemake.params.settings
    keys = [
        (snr_db_of(snr_dir), kind, number)
        for snr_dir in settings["snr_dirs"]
        for kind in LABELLED
        for number in range(settings[f"{kind}_clips"])
    ]
    with Manifest(snakemake.output.manifest) as manifest:
        write_recordings(
            dict(zip(keys, map(Path, snakemake.output.recordings), strict=True)),
            snakemake.wildcards.machine,
            snakemake.wildcards.id,
            seconds=settings["seconds"],
            microphones=settings["microphones"],
            seed=settings["seed"],
            claim=manifest.add,
        )
