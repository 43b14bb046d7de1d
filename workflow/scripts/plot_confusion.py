"""Rules plot_confusion and plot_confusion_over_trainings: confusion matrices of one machine, noise factor and seed
under each protocol, summed over the IDs."""

from asd.joblog import job_log

with job_log(snakemake.log[0]):
    from itertools import product

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
    protocols, labels = settings["protocols"], settings["snr_labels"]
    training = {
        protocol: f"noise factor {wildcards.nf}, seed {wildcards.seed}, {title_of(protocol)}" for protocol in protocols
    }
    counts = {
        (protocol, snr, detector): summed_confusion(
            (one for unit, one in contents.items() if (unit.run.protocol, unit.snr) == (protocol, snr)), detector
        )
        for protocol, snr, detector in product(protocols, labels, settings["detectors"])
    }
    save_confusion_heat_maps(
        (of_one, f"{wildcards.machine}, {labels[snr]}, {detector}, {of_ids}\n{training[protocol]}", path)
        for ((protocol, snr, detector), of_one), path in zip(counts.items(), output.matrices, strict=True)
    )
    for protocol, path in zip(protocols, output.grids, strict=True):
        of_protocol = {(detector, snr): one for (of, snr, detector), one in counts.items() if of == protocol}
        title = f"{wildcards.machine}, {training[protocol]}: decisions on the test clips of {of_ids}"
        asked = {"asked": settings["asked"], "confidence": settings["confidence"]}
        save(confusion_grid(of_protocol, labels, title, **asked), path)
