"""Rule evaluate_scores: statistics, bootstrap and comparisons of one machine, at all noise factors and seeds."""

from asd.console import job_log

with job_log(snakemake.log[0]):
    from asd.evaluation import Unit, evaluate_machine, read_units, write_replicates
    from asd.tables import auc_table, comparison_table, write_table

    settings, files = snakemake.params.settings, snakemake.input
    units = [Unit(*unit) for unit in settings["units"]]
    contents = read_units(units, files.scores, files.summaries)
    result = evaluate_machine(contents, settings["machine"], settings["views"], **settings["statistics"])
    write_table(auc_table(result.rows), snakemake.output.table)
    write_table(comparison_table(result.comparisons), snakemake.output.comparisons)
    write_replicates(result.replicates, snakemake.output.replicates)
