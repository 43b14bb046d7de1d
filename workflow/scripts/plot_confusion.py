"""Rule plot_confusion: confusion matrices of one machine, noise factor, seed and protocol, summed over the IDs."""

from itertools import product

from asd.joblog import job_log

with job_log(snakemake.log[0]):
    from asd.detection.origins import expected_scores
    from asd.evaluation.machine import read_unit_scores, summed_confusion
    from asd.figures.style import confusion_heat_map, save
    from asd.splits import title_of

    settings, wildcards = snakemake.params.settings, snakemake.wildcards
    files = snakemake.input
    expected = expected_scores(snakemake.params.origins, "scores", files.clips, files.weights)
    contents = read_unit_scores(files.scores, settings["runs"], settings["units"], expected)
    ids = len({unit.machine_id for unit in contents})
    figures = product(settings["snr_labels"].items(), settings["detectors"])
    for ((snr, label), detector), path in zip(figures, snakemake.output, strict=True):
        here = [scores for unit, scores in contents.items() if unit.snr == snr]
        title = f"{wildcards.machine}, {label}, {detector}, {ids} ID{'s' * (ids != 1)}\n" + (
            f"noise factor {wildcards.nf}, seed {wildcards.seed}, {title_of(settings['protocol'])}"
        )
        save(confusion_heat_map(summed_confusion(here, detector), title), path)
