"""Rule plot_scores: ROC curves and score histograms of one machine, noise factor and protocol."""

from asd.joblog import job_log

with job_log(snakemake.log[0]):
    from asd.evaluation.machine import FALSE_POSITIVE_RATES, Unit, read_units, roc_bands, with_abnormal_clips
    from asd.figures.scores import RocBand, ScorePanel, roc_curves, score_histograms
    from asd.figures.style import save

    settings, wildcards, files = snakemake.params.settings, snakemake.wildcards, snakemake.input
    labels = settings["snr_labels"]
    contents = read_units([Unit(*unit) for unit in settings["units"]], files.scores, files.summaries)
    machine = f"{wildcards.machine}, noise factor {wildcards.nf}, {settings['protocol']} protocol"
    seeds = len({unit.seed for unit in contents})

    if "roc" in dict(snakemake.output.items()):  # not of a machine without abnormal clips
        curves, aucs = {}, {}
        for snr, label in labels.items():
            here = {unit: content for unit, content in with_abnormal_clips(contents).items() if unit.snr == snr}
            bands = roc_bands(here, wildcards.machine, **settings["statistics"])
            curves[label] = {name: RocBand(band.mean, band.low, band.high) for name, band in bands.items()}
            aucs[label] = {name: band.auc for name, band in bands.items()}
        title = f"{machine}: ROC, mean over IDs" + (f" and {seeds} seeds" if seeds > 1 else "")
        save(roc_curves(curves, FALSE_POSITIVE_RATES, aucs, title), snakemake.output.roc)

    for detector, path in zip(settings["detectors"], snakemake.output.histograms, strict=True):
        panels = {}
        for unit, content in contents.items():
            if unit.seed == settings["seed"]:
                scores, abnormal = content.scores[detector], content.clips.labels
                panels[labels[unit.snr], unit.machine_id] = ScorePanel(
                    scores.train, scores.test[~abnormal], scores.test[abnormal], scores.threshold
                )
        save(score_histograms(panels, f"{machine}: scores of {detector}, seed {settings['seed']}"), path)
