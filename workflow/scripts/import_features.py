"""Rule import_features: a feature cache that exists already, checked and taken over."""

from asd.features.caches import import_cache
from asd.files.origin import origins_of
from asd.joblog import job_log

with job_log(snakemake.log[0]):
    (origin,) = origins_of(snakemake.params.origins, "own")
    given = snakemake.params.named or snakemake.input
    caches, clip_lists = list(given["cache"]), list(given["clips"])
    import_cache(
        caches[0] if caches else None,  # no abnormal clips
        clip_lists[0] if clip_lists else None,
        snakemake.output.cache,
        snakemake.output.clips,
        origin,
        snakemake.params.settings["features"],
    )
