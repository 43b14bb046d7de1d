# The recordings of the default configuration, so that it runs without a download.


rule simulate_recordings:
    output:
        [
            file
            for snr, kind in product(SNRS, KINDS)
            for file in demo_files("{machine}", snr, "{id}", kind)
        ],
    log:
        "results/logs/simulate_recordings/{machine}_{id}.log",
    benchmark:
        "results/benchmarks/simulate_recordings/{machine}_{id}.tsv"
    group:
        grouped("extraction")
    conda:
        "../../envs/audio.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(100),
        runtime=minutes(10, 0.03, simulated_seconds),
    params:
        settings=simulation_settings(),
        code=code("simulate_recordings.py"),
    script:
        "../scripts/simulate_recordings.py"
