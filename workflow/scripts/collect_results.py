"""Rule collect_results: the tables of the whole run."""

from asd.joblog import job_log

with job_log(snakemake.log[0]):
    from asd.ddae.loss import read_loss
    from asd.ddae.origins import expected_trainings
    from asd.detection.origins import expected_evaluations
    from asd.evaluation.collection import ResultFiles, collect

    settings, files = snakemake.params.settings, snakemake.input
    trained = expected_trainings(snakemake.params.trainings, files.reference)
    collect(
        files.tables,
        dict(zip(settings["machines"], files.replicates, strict=True)),
        files.comparisons,
        files.conditions,
        files.skipped,
        [(origin, read_loss(path, origin)) for path, origin in zip(files.loss, trained, strict=True)],
        files=ResultFiles(**dict(snakemake.output.items())),
        confidence=settings["confidence"],
        asked=settings["false_alarms"],
        snr_labels=settings["snr_labels"],
        simulated=settings["simulated"],
        expected=expected_evaluations(snakemake.params.origins, files.clips, files.weights),
    )
