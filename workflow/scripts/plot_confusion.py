"""Rule plot_confusion: confusion matrices of one machine, noise factor, seed and protocol, summed over the IDs."""

from itertools import product

from asd.joblog import job_log

with job_log(snakemake.log[0]):
    from asd.detection.origins import expected_scores
    from asd.evaluation.machine import read_unit_scores, summed_confusion
    from asd.figures.confusion import confusion_grid, save_confusion_heat_maps
    from asd.figures.style import save
    from asd.splits import title_of

    settings, wildcards = snakemake.params.settings, snakemake.wildcards
    files, output = snakemake.input, snakemake.output
    expected = expected_scores(snakemake.params.origins, "scores", files.clips, files.weights)
    contents = read_unit_scores(files.scores, settings["runs"], settings["units"], expected)
    ids = len({unit.machine_id for unit in contents})
    of_ids = f"{ids} ID{'s' * (ids != 1)}"
    training = f"noise factor {wildcards.nf}, seed {wildcards.seed}, {title_of(settings['protocol'])}"
    labels = settings["snr_labels"]
    counts = {
        (detector, snr): summed_confusion((scores for unit, scores in contents.items() if unit.snr == snr), detector)
        for snr, detector in product(labels, settings["detectors"])
    }
    save_confusion_heat_maps(
        (of_one, f"{wildcards.machine}, {labels[snr]}, {detector}, {of_ids}\n{training}", path)
        for ((detector, snr), of_one), path in zip(counts.items(), output.matrices, strict=True)
    )
    title = f"{wildcards.machine}, {training}: decisions on the test clips of {of_ids}"
    save(confusion_grid(counts, labels, title, asked=settings["asked"], confidence=settings["confidence"]), output.grid)
