"""Rule export_features: what takes samples to features, as a model file."""

from asd.joblog import job_log

with job_log(snakemake.log[0]):
    from asd.models.feature_graph import write_feature_extractor

    write_feature_extractor(snakemake.output[0], snakemake.params.features)
