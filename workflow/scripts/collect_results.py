"""Rule collect_results: the tables of the whole run."""

from asd.joblog import job_log

with job_log(snakemake.log[0]):
    from asd.ddae.loss import read_loss
    from asd.ddae.origins import expected_trainings
    from asd.detection.origins import expected_evaluations
    from asd.evaluation.tables import collect

    settings, files, output = snakemake.params.settings, snakemake.input, snakemake.output
    trained = expected_trainings(snakemake.params.trainings, files.reference)
    collect(
        files.tables,
        dict(zip(settings["machines"], files.replicates, strict=True)),
        files.comparisons,
        files.conditions,
        files.skipped,
        [(origin, read_loss(path, origin)) for path, origin in zip(files.loss, trained, strict=True)],
        confidence=settings["confidence"],
        asked=settings["false_alarms"],
        simulated=settings["simulated"],
        expected=expected_evaluations(snakemake.params.origins, files.clips, files.weights),
        auc_path=output.auc,
        summary_path=output.summary,
        leaderboard_path=output.leaderboard,
        markdown_path=output.markdown,
        html_path=output.page,
        comparisons_path=output.comparisons,
        conditions_path=output.conditions,
        skipped_path=output.skipped,
        text_path=output.text,
    )
