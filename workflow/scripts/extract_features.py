"""Rule extract_features: the feature cache of one folder of recordings."""

import os

from asd.joblog import job_log
from asd.processes import keep_memory

# the cores are for processes, each of which computes with one thread; NumPy reads this when it is imported
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")
keep_memory()

with job_log(snakemake.log[0]):
    import logging

    from asd.features.extraction import Reading, extract_cache
    from asd.files.origin import origins_of
    from asd.recordings.layout import Recording

    params, output = snakemake.params, snakemake.output
    for sentence in params.findings["sentences"]:
        logging.warning("%s", sentence)
    extract_cache(
        [
            Recording(tuple(files), condition, split, tuple((name, value) for name, value in attributes))
            for files, condition, split, attributes in params.recordings
        ],
        params.root,
        output.cache,
        output.clips,
        output.skipped,
        Reading(**params.settings),
        state=params.state,
        left_out=params.findings["left_out"],
        processes=snakemake.threads,
        origin=origins_of(params.origins, "own")[0],
    )
