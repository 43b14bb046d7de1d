"""Rule detect_anomalies: scores and decisions for the clips of one ID at one SNR."""

from asd.console import job_log

with job_log(snakemake.log[0]):
    from asd.caches import read_clip_list, read_features
    from asd.denoising import Denoiser
    from asd.detection import detect, write_scores
    from asd.splits import Split, parts

    settings = snakemake.params.settings
    normal, abnormal = read_features(snakemake.input.normal), read_features(snakemake.input.abnormal)
    rows = parts(
        Split(0, settings["ad_train"], settings["ad_test"]),
        len(normal),
        len(abnormal),
        settings["on_shortfall"],
        f"machine {settings['machine']}, SNR {settings['snr']}, ID {settings['id']}",
    )
    detection = detect(
        normal,
        abnormal,
        rows,
        Denoiser.load(snakemake.input.weights),
        settings["detectors"],
        settings["threshold_percentile"],
        settings["seed"],
    )
    write_scores(
        detection,
        rows,
        [clip.file for clip in read_clip_list(snakemake.input.normal_clips)],
        [clip.file for clip in read_clip_list(snakemake.input.abnormal_clips)],
        snakemake.output.scores,
        snakemake.output.summary,
    )
