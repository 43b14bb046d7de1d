# Before a run: recordings are fetched, and looked at. Neither has outputs that other rules wait for.


# What is left to fetch is looked up whenever it is asked for: an archive whose folder is there is done, whatever files of
# earlier runs and time stamps say.
rule download:
    input:
        marks_of_archives_left,
    # compute nodes often have no Internet, so nothing of it is submitted
    localrule: True
    message:
        "The archives of the recordings are unpacked."


# The folder is no output, for Snakemake would delete it before the job and after a failed one.
rule fetch_archive:
    output:
        touch(given_by_user([ARCHIVE_MARK])[0]),
    log:
        "results/logs/fetch_archive/{archive}.log",
    # the job itself tries again what may pass; what is refused once is refused again
    retries: 0
    localrule: True
    conda:
        "../../envs/download.yaml"
    resources:
        mem_mb=500,
        disk_mb=planned(archives.megabytes_to_come, "archive"),
        runtime=2880,
    params:
        settings=planned(archives.archive_settings, "archive"),
        about=described(messages.fetch_archive, "archive"),
    message:
        "{params.about}"
    script:
        "../scripts/fetch_archive.py"


# Reads all that the run will read, unless the key `check` says less.
rule check:
    input:
        paths.to_simulate(PLAN),
    log:
        "results/logs/check.log",
    conda:
        "../../envs/audio.yaml"
    threads: threads_of_check
    resources:
        mem_mb=memory_of_check,
        runtime=minutes(60, 0.01, planned(work.megabytes_to_check)),
    params:
        settings=planned(parameters.check),
        problems=planned(checks.data_problems, shown=None),
        remarks=planned(checks.data_remarks),
    message:
        "recordings: what is odd about them"
    script:
        "../scripts/check_recordings.py"


# What a machine, ID, noise level, detector, noise factor, seed or protocol that has been removed leaves in results.
rule leftovers:
    log:
        "results/logs/leftovers.log",
    localrule: True
    conda:
        "../../envs/download.yaml"
    params:
        report=lambda wildcards: report_of_leftovers(),
    message:
        "results: what is of other configurations"
    script:
        "../scripts/list_leftovers.py"
