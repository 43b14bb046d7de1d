"""Rule extract_features: the feature cache of one folder of recordings."""

import os

from asd.joblog import job_log

# the cores are for processes, each of which computes with one thread; NumPy reads this when it is imported
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

with job_log(snakemake.log[0]):
    from asd.features.extraction import extract_cache

    settings = snakemake.params.settings
    extract_cache(
        list(snakemake.params.named or snakemake.input),
        snakemake.params.root,
        snakemake.output.cache,
        snakemake.output.clips,
        snakemake.output.skipped,
        channel=settings["channel"],
        on_bad_clip=settings["on_bad_clip"],
        extraction=settings["extraction"],
        processes=snakemake.threads,
    )
