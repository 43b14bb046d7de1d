"""Rule download: the archives that hold the configured recordings, fetched, verified and unpacked."""

from asd.joblog import job_log

with job_log(snakemake.log[0]):
    from asd.download.archives import Archive, download

    settings = snakemake.params.settings
    archives = [
        Archive(entry["name"], entry["url"], entry["bytes"], entry["md5"], entry.get("unpacked"))
        for entry in settings["archives"]
    ]
    download(archives, settings["root"], delete_archives=settings["delete_archives"], connections=snakemake.threads)
