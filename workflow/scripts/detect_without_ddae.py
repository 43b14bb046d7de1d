"""Rule detect_without_ddae: scores and decisions of the detectors that see nothing of a DDAE; all noise factors of a
machine, seed and protocol share them."""

from asd.joblog import job_log

with job_log(snakemake.log[0]):
    from dataclasses import replace

    from asd.detection.networks import read_classifier
    from asd.detection.origins import expected_scores
    from asd.detection.scores import score_paths, write_scores
    from asd.detection.scoring import detect_all
    from asd.detection.units import read_unit_clips
    from asd.files.atomic import whole_folder
    from asd.files.origin import origins_of

    settings, origins, files = snakemake.params.settings, snakemake.params.origins, snakemake.input
    lists = [*files.normal_clips, *files.abnormal_clips, *files.unlabelled_clips]
    snrs = list(dict.fromkeys(snr for snr, _ in settings["units"]))
    networks = read_classifier(files.classifier, origins, files.classified, snrs)
    (origin,) = expected_scores(origins, "own", lists, files.classifier)
    caches = (files.normal, files.normal_clips, files.abnormal, files.abnormal_clips)
    unlabelled = (files.unlabelled, files.unlabelled_clips)
    units = read_unit_clips(*caches, settings, *unlabelled, origins_of(origins, "clips"))
    with whole_folder(snakemake.output.scores) as folder:
        for clips, scores in detect_all(units, settings, networks=networks):
            whose = replace(origin, snr=clips.snr, id=clips.machine_id, code=snakemake.params.code)
            write_scores(replace(scores, origin=whose), *score_paths(folder, clips.snr, clips.machine_id))
