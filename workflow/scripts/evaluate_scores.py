"""Rule evaluate_scores: statistics, bootstrap and comparisons of one machine, at all noise factors and seeds."""

from asd.joblog import job_log

with job_log(snakemake.log[0]):
    from asd.evaluation.machine import Unit, evaluate_machine, read_units, write_replicates
    from asd.evaluation.tables import auc_table, comparison_table, write_table

    settings, files = snakemake.params.settings, snakemake.input
    units = [Unit(*unit) for unit in settings["units"]]
    contents = read_units(units, files.scores, files.summaries)
    result = evaluate_machine(contents, settings["machine"], settings["views"], **settings["statistics"])
    tables = (snakemake.output.table, snakemake.output.comparisons)
    for table, path in zip((auc_table(result.rows), comparison_table(result.comparisons)), tables, strict=True):
        write_table(table, path)
    write_replicates(result.replicates, snakemake.output.replicates, tables)
