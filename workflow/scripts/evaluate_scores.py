"""Rule evaluate_scores: statistics, bootstrap and comparisons of one machine, at all noise factors and seeds."""

from asd.joblog import job_log

with job_log(snakemake.log[0]):
    from asd.evaluation.conditions import condition_rows
    from asd.evaluation.machine import evaluate_machine, read_unit_scores, write_replicates
    from asd.evaluation.tables import auc_table, comparison_table, condition_table, write_table

    settings = snakemake.params.settings
    contents = read_unit_scores(snakemake.input.scores, settings["runs"], settings["units"])
    result = evaluate_machine(contents, settings["machine"], settings["views"], **settings["statistics"])
    conditions = condition_table(condition_rows(contents, settings["machine"]))
    contents_of = {
        snakemake.output.table: auc_table(result.rows),
        snakemake.output.comparisons: comparison_table(result.comparisons),
        snakemake.output.conditions: conditions,
    }
    for path, table in contents_of.items():
        write_table(table, path)
    write_replicates(result.replicates, snakemake.output.replicates, list(contents_of))
