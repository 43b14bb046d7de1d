# Before a run: recordings are fetched, and looked at. Neither has outputs that other rules wait for.


# Runs whenever it is asked for: what is there already, and whole, costs nothing. Time stamps have no say in it.
rule download:
    log:
        "results/logs/download.log",
    # compute nodes often have no Internet, so it is not submitted
    localrule: True
    conda:
        "../../envs/download.yaml"
    threads: 4  # archives at a time
    resources:
        mem_mb=1000,
        runtime=2880,
    params:
        settings={},
    script:
        "../scripts/download_recordings.py"


# Reads headers only.
rule check:
    input:
        paths.to_simulate(PLAN),
    log:
        "results/logs/check.log",
    conda:
        "../../envs/audio.yaml"
    threads: 4
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        settings=planned(parameters.check),
    script:
        "../scripts/check_recordings.py"
