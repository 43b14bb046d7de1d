"""Rule evaluate_scores: AUC and confusion counts of one machine, noise factor and seed."""

from asd.console import job_log

with job_log(snakemake.log[0]):
    from asd.evaluation import evaluate_scores
    from asd.tables import auc_table, write_table

    settings = snakemake.params.settings
    common = {name: settings[name] for name in ("machine", "noise_factor", "seed")}
    rows = []
    for (snr, machine_id), scores, summary in zip(
        settings["units"], snakemake.input.scores, snakemake.input.summaries, strict=True
    ):
        for statistics in evaluate_scores(scores, summary, settings["detectors"]):
            rows.append({**common, "snr": snr, "id": machine_id, **statistics})
    write_table(auc_table(rows), snakemake.output[0])
