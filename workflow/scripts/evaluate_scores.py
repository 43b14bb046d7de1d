"""Rule evaluate_scores: statistics, bootstrap and comparisons of one machine, at all noise factors and seeds."""

from asd.joblog import job_log

with job_log(snakemake.log[0]):
    from asd.evaluation.machine import evaluate_machine, read_unit_scores, write_replicates
    from asd.evaluation.tables import auc_table, comparison_table, write_table

    settings = snakemake.params.settings
    contents = read_unit_scores(snakemake.input.scores, settings["runs"], settings["units"])
    result = evaluate_machine(contents, settings["machine"], settings["views"], **settings["statistics"])
    tables = (snakemake.output.table, snakemake.output.comparisons)
    for table, path in zip((auc_table(result.rows), comparison_table(result.comparisons)), tables, strict=True):
        write_table(table, path)
    write_replicates(result.replicates, snakemake.output.replicates, tables)
