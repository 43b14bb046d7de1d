"""Rule plot_roc: ROC curves of the best detectors of one machine and noise factor, over IDs and seeds."""

from asd.joblog import job_log

with job_log(snakemake.log[0]):
    from asd.detection.origins import expected_scores
    from asd.evaluation.best import baseline_of, best_of, detection_rates, only, standings, words_about
    from asd.evaluation.machine import FALSE_POSITIVE_RATES, read_unit_scores, roc_bands, with_abnormal_clips
    from asd.figures.scores import RocBand, roc_curves
    from asd.figures.style import save
    from asd.splits import title_of

    settings, wildcards = snakemake.params.settings, snakemake.wildcards
    files, asked = snakemake.input, settings["false_alarms"]
    expected = expected_scores(snakemake.params.origins, "scores", files.clips, files.weights)
    every = with_abnormal_clips(read_unit_scores(files.scores, settings["runs"], settings["units"], expected))
    for protocol, path in zip(settings["protocols"], snakemake.output, strict=True):
        contents = {unit: content for unit, content in every.items() if unit.run.protocol == protocol}
        ordered = standings(contents, settings["ensembles"], asked, settings["statistics"]["confidence"])
        names = [one.detector for one in best_of(ordered)]
        baseline = baseline_of(ordered, settings["baselines"], names)
        shown = only(contents, [*names, *([baseline.detector] if baseline else [])])
        curves = {}
        for snr, label in settings["snr_labels"].items():
            here = {unit: content for unit, content in shown.items() if unit.snr == snr}
            bands = roc_bands(here, wildcards.machine, **settings["statistics"])
            curves[label] = {
                name: RocBand(band.mean, band.low, band.high, band.auc, detection_rates(here, name))
                for name, band in bands.items()
            }
        seeds = len({unit.run.seed for unit in contents})
        about = f"{wildcards.machine}, noise factor {wildcards.nf}, {title_of(protocol)}"
        over = f" Curves are means over IDs and {seeds} seeds." if seeds > 1 else ""
        figure = roc_curves(
            *(curves, FALSE_POSITIVE_RATES, f"{about}: ROC of the best detectors"),
            baseline=baseline and baseline.detector,
            asked=asked,
            note=f"{words_about(ordered, asked)}{over}",
        )
        save(figure, path)
