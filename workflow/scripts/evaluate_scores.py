"""Rule evaluate_scores: AUC and confusion counts of one machine, at all noise factors and seeds."""

from asd.console import job_log

with job_log(snakemake.log[0]):
    from asd.evaluation import evaluate_scores
    from asd.tables import auc_table, write_table

    settings = snakemake.params.settings
    rows = []
    for (noise_factor, seed, snr, machine_id), scores, summary in zip(
        settings["units"], snakemake.input.scores, snakemake.input.summaries, strict=True
    ):
        unit = {"noise_factor": noise_factor, "seed": seed, "snr": snr, "id": machine_id}
        for statistics in evaluate_scores(scores, summary, settings["detectors"]):
            rows.append({"machine": settings["machine"], **unit, **statistics})
    write_table(auc_table(rows), snakemake.output[0])
