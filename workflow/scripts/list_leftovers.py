"""Rule leftovers: what earlier configurations have left under results/."""

from asd.joblog import job_log

with job_log(snakemake.log[0]):
    print(f"\n{snakemake.params.report}\n", flush=True)
