"""Rule extract_features: the feature cache of one folder of recordings."""

from asd.console import job_log
from asd.extraction import extract_cache

with job_log(snakemake.log[0]):
    settings = snakemake.params.settings
    extract_cache(
        list(snakemake.input),
        settings["root"],
        snakemake.output.cache,
        snakemake.output.clips,
        snakemake.output.skipped,
        channel=settings["channel"],
        on_bad_clip=settings["on_bad_clip"],
        extraction=f"{snakemake.params.code}-{settings['channel']}",
    )
