"""Rule combine_scores: ensembles of the scores of all IDs of a machine at all SNRs, of one run."""

from asd.joblog import job_log

with job_log(snakemake.log[0]):
    from dataclasses import replace

    from asd.detection.ensembles import Ensemble, combine_files
    from asd.detection.origins import expected_scores
    from asd.detection.scores import read_scores, score_paths, write_scores
    from asd.files.atomic import whole_folder

    settings, origins, files = snakemake.params.settings, snakemake.params.origins, snakemake.input
    (own,) = expected_scores(origins, "own", files.clips, files.weights)
    expected = expected_scores(origins, "scores", files.clips, files.weights)
    ensembles = [Ensemble(**about) for about in settings["ensembles"]]
    with whole_folder(snakemake.output.scores) as folder:
        for unit in settings["units"]:
            of_unit = dict(zip(("snr", "id"), unit, strict=True))
            members = [
                read_scores(*score_paths(member, *unit), replace(whose, **of_unit))
                for member, whose in zip(files.scores, expected, strict=True)
            ]
            combined = combine_files(members, ensembles, settings["threshold_percentile"])
            origin = replace(own, **of_unit, code=snakemake.params.code)
            write_scores(replace(combined, origin=origin), *score_paths(folder, *unit))
