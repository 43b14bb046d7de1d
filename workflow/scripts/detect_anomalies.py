"""Rule detect_anomalies: scores and decisions for the clips of all IDs of a machine at all SNRs, of one training."""

from asd.joblog import job_log

with job_log(snakemake.log[0]):
    from asd.ddae.denoiser import Denoiser
    from asd.detection.detectors import Detector
    from asd.detection.scores import score_paths, write_scores
    from asd.detection.scoring import detect
    from asd.detection.units import read_unit_clips
    from asd.files.atomic import whole_folder

    settings, files = snakemake.params.settings, snakemake.input
    denoiser = Denoiser.load(files.weights)
    detectors = [Detector(**about) for about in settings["detectors"]]
    with whole_folder(snakemake.output.scores) as folder:
        caches = (files.normal, files.normal_clips, files.abnormal, files.abnormal_clips)
        for clips in read_unit_clips(*caches, settings, files.unlabelled, files.unlabelled_clips):
            scores = detect(
                clips,
                denoiser,
                detectors,
                protocol=settings["protocol"],
                threshold_percentile=settings["threshold_percentile"],
                folds=settings["folds"],
                seed=settings["seed"],
            )
            write_scores(scores, *score_paths(folder, clips.snr, clips.machine_id))
