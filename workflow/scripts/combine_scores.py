"""Rule combine_scores: ensembles of the scores of all IDs of a machine at all SNRs, of one run."""

from asd.joblog import job_log

with job_log(snakemake.log[0]):
    from asd.detection.ensembles import Ensemble, combine_files
    from asd.detection.scores import read_scores, score_paths, write_scores
    from asd.files.atomic import whole_folder

    settings = snakemake.params.settings
    ensembles = [Ensemble(**about) for about in settings["ensembles"]]
    with whole_folder(snakemake.output.scores) as folder:
        for unit in settings["units"]:
            members = [read_scores(*score_paths(member, *unit)) for member in snakemake.input.scores]
            combined = combine_files(members, ensembles, settings["threshold_percentile"])
            write_scores(combined, *score_paths(folder, *unit))
