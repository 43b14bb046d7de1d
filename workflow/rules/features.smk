# Feature caches: one for each machine, SNR, ID and kind, from recordings or from caches that exist already.

if PLAN.cache is None:

    rule extract_features:
        input:
            clips_of,
        output:
            # rows of unchanged recordings are taken over
            cache=kept_while_made(f"{paths.FEATURES}.npy"),
            clips=kept_while_made(f"{paths.FEATURES}.csv"),
            skipped=kept_while_made(f"{paths.FEATURES}.skipped.csv"),
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
            runtime=minutes(5, 0.05, planned(work.megabytes_recorded, "folder")),
        params:
            settings=parameters.extract_features(PLAN, code("extract_features.py")),
            recordings=recordings_read,
            findings=findings_read,
            root=root_of_clips,
            state=state_of_clips,
            origins=planned(origins.extract_features, "folder"),
            code=hashed("extract_features.py"),
            about=described(messages.extract_features, "folder"),
        message:
            "{params.about}"
        script:
            "../scripts/extract_features.py"

    # Nothing depends on it.
    rule note_dates:
        output:
            dates=paths.DATES,
        log:
            "results/logs/note_dates.log",
        localrule: True
        conda:
            "../../envs/audio.yaml"
        params:
            dates=lambda wildcards: redated_clips(),
        message:
            "recordings: their dates"
        script:
            "../scripts/note_dates.py"

else:

    rule import_features:
        input:
            unpack(caches_as_inputs),
        output:
            cache=f"{paths.FEATURES}.npy",
            clips=f"{paths.FEATURES}.csv",
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
            mem_mb=megabytes(100, 0.005, planned(clips, "folder")),
            runtime=minutes(5, 0.001, planned(clips, "folder")),
        params:
            settings=parameters.import_features(PLAN),
            origins=planned(origins.extract_features, "folder"),
            named=caches_by_name,
            code=hashed("import_features.py"),
            about=described(messages.import_features, "folder"),
        message:
            "{params.about}"
        script:
            "../scripts/import_features.py"
