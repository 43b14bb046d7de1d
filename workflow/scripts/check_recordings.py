"""Rule check: what recordings there are, and whether the run would take them."""

import os

from asd.joblog import job_log
from asd.processes import keep_memory

# the cores are for processes, each of which computes with one thread; NumPy reads this when it is imported
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")
keep_memory()

with job_log(snakemake.log[0]):
    import logging

    from asd.errors import UserError
    from asd.features.extraction import features_problem
    from asd.files.neutral import for_terminal
    from asd.recordings.check import Reading, failure, inspect, report, split_problems, unused_recordings
    from asd.recordings.layout import Folder, Recording, files_of

    def say(text):
        """To the log and the terminal, whether that is one or a file."""
        logging.info("%s", text)
        print(for_terminal(text), flush=True)

    settings, skip = snakemake.params.settings, snakemake.params.settings["on_bad_clip"] == "skip"
    folders = {
        Folder(*folder): [
            Recording(tuple(files), condition, split, tuple((name, value) for name, value in attributes))
            for files, condition, split, attributes in listed
        ]
        for folder, listed in settings["folders"]
    }
    reading = Reading(settings["channel"], settings["seconds"], skip, settings["samples"], features_problem)
    found = inspect(folders, reading, snakemake.threads, say, settings["snr_dirs"])
    used = [file for listed in folders.values() for file in files_of(listed)]
    unused = unused_recordings(settings["root"], used, settings["from_sheet"])
    too_few, few = split_problems(found.clips, settings["computations"])
    problems = list(dict.fromkeys([*snakemake.params.problems, *found.problems, *too_few]))
    text = report(found, problems, few, unused, snakemake.params.remarks, skip)
    say(f"\n{text}\n")
    message = failure(len(problems), len(found.unusable), skip)
    if message is not None:
        raise UserError(message)
