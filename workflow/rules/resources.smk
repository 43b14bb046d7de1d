# What jobs ask a scheduler for: a fixed part and a part for each unit of work, as measured (docs/scaling.md).

import math

# Around a job on a cluster there are two more Snakemakes, and packages come from a disk that many share.
OWN_MEGABYTES = 400
OWN_SECONDS = 60
SLOWER = 4  # times than where it was measured


def amount_of_work(work, wildcards):
    """Not counted again within a job that has been submitted: its request has been granted, and folders of a disk that
    many share are slow to list."""
    return 0 if work is None or workflow.remote_exec else work(wildcards)


def megabytes(fixed, each=0, work=None):
    """Resource function: memory in MB of a job with `fixed` MB and `each` MB for a unit of work; a job that was killed
    asks for more."""

    def mem_mb(wildcards, attempt):
        return math.ceil((OWN_MEGABYTES + fixed + each * amount_of_work(work, wildcards)) * attempt)

    return mem_mb


def minutes(fixed, each=0, work=None):
    """Resource function: time in minutes of a job that takes `fixed` seconds and `each` seconds for a unit of work."""

    def runtime(wildcards, attempt):
        seconds = fixed + each * amount_of_work(work, wildcards)
        return math.ceil((OWN_SECONDS + SLOWER * seconds) / 60) * attempt

    return runtime


def memory_of_extraction(wildcards, attempt, threads):
    """Each process reads one recording at a time."""

    def largest(wildcards):
        return threads * work.megabytes_of_largest(PLAN, folder_of(wildcards))

    return megabytes(100 + 50 * threads, 10, largest)(wildcards, attempt)


def threads_of_check(wildcards):
    """All cores, as nothing else runs; on a cluster as many as most nodes have to spare."""
    on_cluster = workflow.remote_exec or workflow.resource_settings.nodes
    return 8 if on_cluster else workflow.resource_settings.cores or 1


def memory_of_check(wildcards, attempt, threads):
    """The same, of all folders."""

    def largest(wildcards):
        return threads * work.megabytes_of_largest_to_check(PLAN)

    return megabytes(200 + 50 * threads, 10, largest)(wildcards, attempt)


def grouped(name):
    """Group function: small jobs share a submission where the profile says how many. Elsewhere a group would only
    clutter what a dry run prints."""

    def group(wildcards):
        return name if name in workflow.group_settings.group_components else None

    return group


def extraction_threads(wildcards):
    """The share of the cores that a cache has of the recordings yet to be read: one core each while many caches are
    left to make, several where few are. A cluster has cores enough for all caches at once."""
    if workflow.remote_exec or workflow.resource_settings.nodes:
        return 1
    cores = workflow.resource_settings.cores or 1
    counts = {folder: state.unread for folder, state in states_of_clips().items()}
    return max(1, round(cores * counts[folder_of(wildcards)] / max(1, sum(counts.values()))))
