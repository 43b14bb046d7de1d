# Models as files, what they say of new recordings, and the page to listen to.


# One job for a machine and training, as in detection: each detector is fitted once more.
rule export_models:
    input:
        scores=planned(paths.scores_of_run, "machine", "run"),
        weights=f"{paths.CHECKPOINT}.npz",
        normal=planned(paths.caches, "machine", kind="normal", suffix="npy"),
        abnormal=planned(paths.caches, "machine", kind="abnormal", suffix="npy"),
        normal_clips=planned(paths.caches, "machine", kind="normal", suffix="csv"),
        abnormal_clips=planned(paths.caches, "machine", kind="abnormal", suffix="csv"),
        unlabelled=planned(paths.caches, "machine", kind="unlabelled", suffix="npy"),
        unlabelled_clips=planned(paths.caches, "machine", kind="unlabelled", suffix="csv"),
        classifier=planned(paths.classifiers_of_run, "machine", "run"),
        # of these, only what tells whether the weights were made from them
        reference=planned(paths.reference_caches, "machine", suffix="csv"),
        classified=planned(paths.classified_lists, "machine"),
    output:
        models=directory(paths.MODELS),
    log:
        f"results/logs/export_models/{paths.RUN}.log",
    benchmark:
        f"results/benchmarks/export_models/{paths.RUN}.tsv"
    wildcard_constraints:
        nf=any_of(NOISE_FACTORS),
        seed=any_of(PLAN.seeds),
    group:
        grouped("models")
    conda:
        "../../envs/models.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(400, 0.01, planned(work.clips_by_width, "machine")),
        runtime=minutes(15, 2e-4, planned(work.clips_times_detectors, "machine")),
    params:
        settings=planned(parameters.export_models, "machine", "run"),
        origins=planned(origins.export_models, "machine", "run"),
        root=root_of_recordings,
        recordings=files_of_recordings,
        code=hashed("export_models.py"),
        about=described(messages.export_models, "machine", "run"),
    message:
        "{params.about}"
    script:
        "../scripts/export_models.py"


# From samples to features, for computers without Python
rule export_features:
    output:
        paths.FEATURE_EXTRACTOR,
    log:
        "results/logs/export_features.log",
    benchmark:
        "results/benchmarks/export_features.tsv"
    group:
        grouped("models")
    conda:
        "../../envs/models.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(300),
        runtime=minutes(10),
    params:
        features=list(PLAN.features),
        code=hashed("export_features.py"),
    message:
        "features of new recordings: the model that computes them"
    script:
        "../scripts/export_features.py"


rule list_hardest:
    input:
        scores=paths.listened(PLAN),
        weights=[
            file
            for name in PLAN.machines
            for file in paths.weights_of_run(PLAN, name, PLAN.run_for_new_recordings)
        ],
        normal=[
            file for name in PLAN.machines for file in paths.caches(PLAN, name, "normal", "npy")
        ],
        abnormal=[
            file for name in PLAN.machines for file in paths.caches(PLAN, name, "abnormal", "npy")
        ],
        clips=[file for name in PLAN.machines for file in paths.clip_lists(PLAN, name)],
    output:
        page=page_in_report(paths.LISTENING_PAGE, "listening", "Listen", "hardest clips"),
    log:
        "results/logs/list_hardest.log",
    benchmark:
        "results/benchmarks/list_hardest.tsv"
    group:
        grouped("models")
    conda:
        "../../envs/models.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(600),
        runtime=minutes(30, 2, lambda wildcards: work.units(PLAN)),
    params:
        settings=planned(parameters.list_hardest),
        origins=planned(origins.list_hardest),
        root=root_of_recordings,
        recordings=files_of_recordings,
        code=hashed("list_hardest.py"),
    message:
        "all machines: the page of clips to listen to"
    script:
        "../scripts/list_hardest.py"


# ------------------------------------------------------------------------------------------------- new recordings


rule score:
    input:
        lambda wildcards: f"{asked('score').place}.csv",
    message:
        "The new recordings have scores."


rule monitor:
    input:
        lambda wildcards: f"{asked('monitor').place}.monitor.png",
    message:
        "Whether the models still hold is known."


rule score_recordings:
    input:
        models=planned(paths.models_for_new_recordings, "machine"),
    output:
        scores=f"{paths.SCORED}.csv",
    log:
        f"results/logs/score_recordings/{paths.SCORED_NAME}.log",
    benchmark:
        f"results/benchmarks/score_recordings/{paths.SCORED_NAME}.tsv"
    conda:
        "../../envs/models.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(600),
    params:
        recordings=lambda wildcards: asked_of(wildcards).recordings,
        false_alarms=lambda wildcards: asked_of(wildcards).false_alarms,
        state=lambda wildcards: asked_of(wildcards).state(),
        code=hashed("score_recordings.py"),
        about=described(messages.score_recordings, "machine"),
    message:
        "{params.about}"
    script:
        "../scripts/score_recordings.py"


rule monitor_recordings:
    input:
        scores=f"{paths.SCORED}.csv",
        models=planned(paths.models_for_new_recordings, "machine"),
    output:
        figure=f"{paths.SCORED}.monitor.png",
        report=f"{paths.SCORED}.monitor.json",
    log:
        f"results/logs/monitor_recordings/{paths.SCORED_NAME}.log",
    benchmark:
        f"results/benchmarks/monitor_recordings/{paths.SCORED_NAME}.tsv"
    conda:
        "../../envs/models.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(600),
    params:
        code=hashed("monitor_recordings.py"),
        about=described(messages.monitor_recordings, "machine"),
    message:
        "{params.about}"
    script:
        "../scripts/monitor_recordings.py"
