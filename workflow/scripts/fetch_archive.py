"""Rule fetch_archive: an archive of recordings, fetched, verified and unpacked."""

from asd.joblog import job_log

with job_log(snakemake.log[0]):
    from asd.download.archives import Archive, fetch_archive

    settings = dict(snakemake.params.settings)
    root, delete_archive = settings.pop("root"), settings.pop("delete_archive")
    fetch_archive(Archive(**settings), root, delete_archive=delete_archive)
