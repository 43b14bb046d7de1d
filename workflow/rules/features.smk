# Feature caches: one for each machine, SNR, ID and kind, from recordings or from caches that exist already.

if CACHE is None:

    rule extract_features:
        input:
            clips_of,
        output:
            # rows of unchanged recordings are taken over
            cache=kept_while_made("results/features/{machine}/{snr}_{id}_{kind}.npy"),
            clips=kept_while_made("results/features/{machine}/{snr}_{id}_{kind}.csv"),
            skipped="results/features/{machine}/{snr}_{id}_{kind}.skipped.csv",
        log:
            "results/logs/extract_features/{machine}/{snr}_{id}_{kind}.log",
        benchmark:
            "results/benchmarks/extract_features/{machine}/{snr}_{id}_{kind}.tsv"
        group:
            grouped("extraction")
        conda:
            "../../envs/audio.yaml"
        threads: extraction_threads
        resources:
            mem_mb=memory_of_extraction,
            runtime=minutes(5, 0.05, megabytes_recorded),
        params:
            settings=extraction_settings(),
            root=root_of_clips(),
            recordings=state_of_clips,
            code=code("extract_features.py"),
        script:
            "../scripts/extract_features.py"

else:

    rule import_features:
        input:
            cache=given_cache,
            clips=given_clip_list,
        output:
            cache="results/features/{machine}/{snr}_{id}_{kind}.npy",
            clips="results/features/{machine}/{snr}_{id}_{kind}.csv",
        log:
            "results/logs/import_features/{machine}/{snr}_{id}_{kind}.log",
        benchmark:
            "results/benchmarks/import_features/{machine}/{snr}_{id}_{kind}.tsv"
        group:
            grouped("extraction")
        conda:
            "../../envs/audio.yaml"
        threads: 1
        resources:
            mem_mb=megabytes(100, 0.005, clips_in_cache),
            runtime=minutes(5, 0.001, clips_in_cache),
        params:
            code=code("import_features.py"),
        script:
            "../scripts/import_features.py"
