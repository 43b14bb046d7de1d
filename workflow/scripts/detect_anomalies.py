"""Rule detect_anomalies: scores and decisions for the clips of all IDs of a machine at all SNRs, of one training."""

from asd.joblog import job_log

with job_log(snakemake.log[0]):
    from dataclasses import replace

    from asd.detection.detectors import Detector
    from asd.detection.networks import read_networks
    from asd.detection.origins import expected_scores
    from asd.detection.scores import score_paths, write_scores
    from asd.detection.scoring import detect
    from asd.detection.units import read_unit_clips
    from asd.files.atomic import whole_folder
    from asd.files.origin import origins_of

    settings, origins, files = snakemake.params.settings, snakemake.params.origins, snakemake.input
    lists = [*files.normal_clips, *files.abnormal_clips, *files.unlabelled_clips]
    snrs = list(dict.fromkeys(snr for snr, _ in settings["units"]))
    trained_from = (origins, files.reference, files.classified)
    networks = read_networks(files.weights, files.classifier, *trained_from, snrs)
    (origin,) = expected_scores(origins, "own", lists, [files.weights, *files.classifier])
    detectors = [Detector(**about) for about in settings["detectors"]]
    with whole_folder(snakemake.output.scores) as folder:
        caches = (files.normal, files.normal_clips, files.abnormal, files.abnormal_clips)
        unlabelled = (files.unlabelled, files.unlabelled_clips)
        for clips in read_unit_clips(*caches, settings, *unlabelled, origins_of(origins, "clips")):
            scores = detect(
                clips,
                networks.denoiser,
                detectors,
                networks=networks.of_snr.get(clips.snr, ()),
                protocol=settings["protocol"],
                threshold_percentile=settings["threshold_percentile"],
                folds=settings["folds"],
                seed=settings["seed"],
            )
            whose = replace(origin, snr=clips.snr, id=clips.machine_id, code=snakemake.params.code)
            write_scores(replace(scores, origin=whose), *score_paths(folder, clips.snr, clips.machine_id))
