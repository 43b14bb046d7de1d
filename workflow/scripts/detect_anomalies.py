"""Rule detect_anomalies: scores and decisions for the clips of some IDs, at all SNRs."""

from asd.joblog import job_log

with job_log(snakemake.log[0]):
    from asd.ddae.denoiser import Denoiser
    from asd.detection.detectors import Detector
    from asd.detection.scoring import detect_files
    from asd.detection.units import read_units
    from asd.features.caches import read_clip_list

    settings, files = snakemake.params.settings, snakemake.input
    denoiser = Denoiser.load(files.weights)
    detectors = [Detector(**about) for about in settings["detectors"]]
    units = read_units(files.normal, files.normal_clips, files.abnormal, files.abnormal_clips, settings)
    for number, unit in enumerate(units):
        detect_files(
            denoiser,
            unit,
            {
                "normal": [clip.file for clip in read_clip_list(files.normal_clips[number])],
                "abnormal": [clip.file for clip in read_clip_list(files.abnormal_clips[number])],
            },
            detectors,
            scores_path=snakemake.output.scores[number],
            summary_path=snakemake.output.summaries[number],
            protocol=settings["protocol"],
            threshold_percentile=settings["threshold_percentile"],
            folds=settings["folds"],
            seed=settings["seed"],
        )
