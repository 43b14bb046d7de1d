"""Rule detect_anomalies: scores and decisions for the clips of some IDs, at all SNRs."""

from asd.console import job_log

with job_log(snakemake.log[0]):
    from asd.denoising import Denoiser
    from asd.detection import detect_files
    from asd.splits import Split

    settings, files = snakemake.params.settings, snakemake.input
    denoiser = Denoiser.load(files.weights)
    for number, (snr, machine_id, ad_train, ad_test) in enumerate(settings["clips"]):
        detect_files(
            denoiser,
            normal_path=files.normal[number],
            abnormal_path=files.abnormal[number],
            normal_list=files.normal_clips[number],
            abnormal_list=files.abnormal_clips[number],
            scores_path=snakemake.output.scores[number],
            summary_path=snakemake.output.summaries[number],
            split=Split(0, ad_train, ad_test),
            on_shortfall=settings["on_shortfall"],
            where=f"machine {settings['machine']}, SNR {snr}, ID {machine_id}",
            detectors=settings["detectors"],
            threshold_percentile=settings["threshold_percentile"],
            seed=settings["seed"],
        )
