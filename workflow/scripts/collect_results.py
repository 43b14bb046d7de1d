"""Rule collect_results: the tables of the whole run."""

from asd.console import job_log

with job_log(snakemake.log[0]):
    from asd.tables import collect

    collect(
        snakemake.input.tables,
        snakemake.input.skipped,
        auc_path=snakemake.output.auc,
        summary_path=snakemake.output.summary,
        skipped_path=snakemake.output.skipped,
        text_path=snakemake.output.text,
    )
