"""Rule score_recordings: what a model says of new recordings, as a table."""

from asd.joblog import job_log

with job_log(snakemake.log[0]):
    from asd.scoring.score import score_into

    params, wildcards = snakemake.params, snakemake.wildcards
    model = f"{snakemake.input.models}/{wildcards.snr}_{wildcards.id}.onnx"
    score_into(snakemake.output.scores, model, params.recordings, params.false_alarms)
