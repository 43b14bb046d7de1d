"""Rule monitor_recordings: whether a model still holds for the recordings that it has scored."""

from asd.joblog import job_log

with job_log(snakemake.log[0]):
    from asd.scoring.monitoring import monitor_into

    wildcards, files, output = snakemake.wildcards, snakemake.input, snakemake.output
    model = f"{files.models}/{wildcards.snr}_{wildcards.id}.onnx"
    monitor_into(files.scores, model, output.figure, output.report)
