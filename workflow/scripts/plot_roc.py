"""Rule plot_roc: ROC curves of one machine, noise factor and protocol, averaged over IDs and seeds."""

from asd.joblog import job_log

with job_log(snakemake.log[0]):
    from asd.detection.origins import expected_scores
    from asd.evaluation.machine import FALSE_POSITIVE_RATES, read_unit_scores, roc_bands, with_abnormal_clips
    from asd.figures.scores import RocBand, roc_curves
    from asd.figures.style import save

    settings, wildcards = snakemake.params.settings, snakemake.wildcards
    files = snakemake.input
    expected = expected_scores(snakemake.params.origins, "scores", files.clips, files.weights)
    contents = read_unit_scores(files.scores, settings["runs"], settings["units"], expected)
    seeds = len({unit.run.seed for unit in contents})
    curves, aucs = {}, {}
    for snr, label in settings["snr_labels"].items():
        here = {unit: content for unit, content in with_abnormal_clips(contents).items() if unit.snr == snr}
        bands = roc_bands(here, wildcards.machine, **settings["statistics"])
        curves[label] = {name: RocBand(band.mean, band.low, band.high) for name, band in bands.items()}
        aucs[label] = {name: band.auc for name, band in bands.items()}
    about = f"{wildcards.machine}, noise factor {wildcards.nf}, {settings['protocol']} protocol"
    title = f"{about}: ROC, mean over IDs" + (f" and {seeds} seeds" if seeds > 1 else "")
    save(roc_curves(curves, FALSE_POSITIVE_RATES, aucs, title), snakemake.output[0])
