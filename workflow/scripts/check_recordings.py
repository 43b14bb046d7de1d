"""Rule check: what recordings there are, from their headers."""

from asd.joblog import job_log

with job_log(snakemake.log[0]):
    import logging

    from asd.errors import UserError
    from asd.files.neutral import for_terminal
    from asd.recordings.check import inspect, report, unused_recordings
    from asd.recordings.layout import Folder

    settings = snakemake.params.settings
    files = {Folder(*folder): names for folder, names in settings["folders"]}
    inspection = inspect(files, settings["channel"], snakemake.threads)
    used = [name for names in files.values() for name in names]
    unused = unused_recordings(settings["root"], used) if settings["patterns"] else []
    text = for_terminal(report(inspection, settings["problems"], unused))
    logging.info("recordings:\n%s", text)
    print(f"\n{text}\n", flush=True)
    if settings["problems"] or inspection.unusable:
        raise UserError(
            f"{len(settings['problems'])} folders are missing, {len(inspection.unusable)} recordings can't be used, "
            "as listed above. Replace or remove them, or correct the configuration; dataset.on_bad_clip: skip leaves "
            "out such recordings."
        )
