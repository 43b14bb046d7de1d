"""Rule combine_scores: ensembles of the scores of some IDs, at all SNRs."""

from asd.joblog import job_log

with job_log(snakemake.log[0]):
    from asd.detection.ensembles import Ensemble, combine_files
    from asd.detection.scores import read_scores, write_scores

    settings, files, output = snakemake.params.settings, snakemake.input, snakemake.output
    ensembles = [Ensemble(**about) for about in settings["ensembles"]]
    members = list(zip(settings["members"], files.scores, files.summaries, strict=True))
    for unit, *paths in zip(settings["units"], output.scores, output.summaries, strict=True):
        contents = [read_scores(scores, summary) for of, scores, summary in members if of == unit]
        combined = combine_files(contents, ensembles, settings["threshold_percentile"])
        write_scores(combined.scores, combined.clips, combined.protocol, *paths)
