"""Rule evaluate_scores: statistics, bootstrap and comparisons of one machine, at all noise factors and seeds."""

from asd.joblog import job_log

with job_log(snakemake.log[0]):
    from dataclasses import replace

    from asd.detection.origins import expected_scores
    from asd.evaluation.conditions import condition_rows
    from asd.evaluation.false_alarms import false_alarm_rows, false_alarm_table
    from asd.evaluation.machine import evaluate_machine, read_unit_scores, write_replicates
    from asd.evaluation.tables import auc_table, comparison_table, condition_table, write_table
    from asd.files.origin import made_from, origins_of

    settings, origins, files = snakemake.params.settings, snakemake.params.origins, snakemake.input
    expected = expected_scores(origins, "scores", files.clips, files.weights)
    contents = read_unit_scores(files.scores, settings["runs"], settings["units"], expected)
    result = evaluate_machine(contents, settings["machine"], settings["views"], **settings["statistics"])
    conditions = condition_table(condition_rows(contents, settings["machine"]))
    contents_of = {
        snakemake.output.table: auc_table(result.rows),
        snakemake.output.comparisons: comparison_table(result.comparisons),
        snakemake.output.conditions: conditions,
        snakemake.output.false_alarms: false_alarm_table(false_alarm_rows(contents, settings["machine"])),
    }
    for path, table in contents_of.items():
        write_table(table, path)
    origin = replace(
        origins_of(origins, "own")[0],
        made_from=made_from([scores.made_from for scores in expected]),
        code=snakemake.params.code,
    )
    write_replicates(result.replicates, snakemake.output.replicates, list(contents_of), origin)
