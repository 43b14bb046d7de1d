# Feature caches: one for each machine, SNR, ID and kind, from recordings or from caches that exist already.

if CACHE is None:

    rule extract_features:
        input:
            clips_of,
        output:
            # kept while the job runs: rows of unchanged recordings are taken over
            cache=update("results/features/{machine}/{snr}_{id}_{kind}.npy"),
            clips=update("results/features/{machine}/{snr}_{id}_{kind}.csv"),
            skipped="results/features/{machine}/{snr}_{id}_{kind}.skipped.csv",
        params:
            settings=extraction_settings(),
            recordings=state_of_clips,
            code=code("extract_features.py"),
        log:
            "results/logs/extract_features/{machine}/{snr}_{id}_{kind}.log",
        benchmark:
            "results/benchmarks/extract_features/{machine}/{snr}_{id}_{kind}.tsv"
        threads: 1
        resources:
            mem_mb=1000,
            runtime=60,
        conda:
            "../../envs/audio.yaml"
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
        params:
            code=code("import_features.py"),
        log:
            "results/logs/import_features/{machine}/{snr}_{id}_{kind}.log",
        threads: 1
        resources:
            mem_mb=500,
            runtime=10,
        conda:
            "../../envs/audio.yaml"
        script:
            "../scripts/import_features.py"
