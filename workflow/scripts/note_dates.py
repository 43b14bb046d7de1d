"""Rule note_dates: recordings that have another date than when they were read, but the same content."""

from asd.joblog import job_log

with job_log(snakemake.log[0]):
    from asd.features.cliplist import DATES_COLUMNS, write_rows

    write_rows(snakemake.output.dates, DATES_COLUMNS, snakemake.params.dates)
