"""Rule detect_anomalies: scores and decisions for the clips of all IDs of a machine at all SNRs, of one training."""

from asd.joblog import job_log

with job_log(snakemake.log[0]):
    from dataclasses import replace

    from asd.ddae.denoiser import Denoiser
    from asd.ddae.origins import expected_weights
    from asd.detection.origins import expected_scores
    from asd.detection.scores import read_scores_of_all, score_paths, side_by_side, write_scores
    from asd.detection.scoring import detect_all
    from asd.detection.units import read_unit_clips
    from asd.files.atomic import whole_folder
    from asd.files.origin import origins_of

    settings, origins, files = snakemake.params.settings, snakemake.params.origins, snakemake.input
    lists = [*files.normal_clips, *files.abnormal_clips, *files.unlabelled_clips]
    trained, *_ = expected_weights(origins, "weights", files.reference)
    denoiser = Denoiser.load(files.weights, trained)
    made_with = [files.weights, *files.classifier]
    (origin,) = expected_scores(origins, "own", lists, made_with)
    shared = expected_scores(origins, "shared", lists, made_with)
    caches = (files.normal, files.normal_clips, files.abnormal, files.abnormal_clips)
    unlabelled = (files.unlabelled, files.unlabelled_clips)
    units = read_unit_clips(*caches, settings, *unlabelled, origins_of(origins, "clips"))
    with whole_folder(snakemake.output.scores) as folder:
        for clips, scores in detect_all(units, settings, denoiser):
            unit = (clips.snr, clips.machine_id)
            known = [read_scores_of_all(files.shared, *unit, shared)] if files.shared else []
            every = side_by_side([scores, *known], ", ".join(files.shared), settings["names"])
            whose = replace(origin, snr=clips.snr, id=clips.machine_id, code=snakemake.params.code)
            write_scores(replace(every, origin=whose), *score_paths(folder, *unit))
