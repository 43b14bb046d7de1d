# The recordings of the default configuration, so that it runs without a download.

if PLAN.is_demo:

    rule simulate_recordings:
        input:
            demo_folder_is_own,
        output:
            recordings=[
                file
                for snr_dir, kind in product(config["snrs"].values(), LABELLED)
                for file in demo_recordings(PLAN, "{machine}", snr_dir, "{id}", kind)
            ],
            # last, so that it is no older than what it lists; kept, since it says whose the files there are
            manifest=kept_while_made(manifest_of(DEMO_ROOT, "{machine}", "{id}")),
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
            runtime=minutes(10, 0.03, planned(work.simulated_seconds)),
        params:
            settings=parameters.simulate_recordings(PLAN),
            code=hashed("simulate_recordings.py"),
            about=described(messages.simulate_recordings, "machine", "id"),
        message:
            "{params.about}"
        script:
            "../scripts/simulate_recordings.py"
