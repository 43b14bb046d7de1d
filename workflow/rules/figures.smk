# Figures of scores, features, trainings and tables.


rule plot_confusion:
    input:
        scores=planned(paths.scores_of_run, "machine", "run"),
        weights=planned(paths.weights_of_run, "machine", "run"),
        clips=planned(paths.clip_lists, "machine"),
    output:
        matrices=confusion_figures(PLAN.names_of_training),
        grid=confusion_grid(paths.CONFUSION_GRID, "all"),
    log:
        f"results/logs/plot_confusion/{paths.RUN}.log",
    benchmark:
        f"results/benchmarks/plot_confusion/{paths.RUN}.tsv"
    wildcard_constraints:
        nf=any_of(NOISE_FACTORS),
        seed=any_of(PLAN.seeds),
    group:
        grouped("figures")
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(300, 1e-4, planned(work.scores_of_run, "machine", "run")),
        runtime=minutes(5 + 0.1 * len(PLAN.snrs) * len(PLAN.names_of_training)),
    params:
        settings=planned(parameters.plot_confusion, "machine", "run"),
        origins=planned(origins.scores_of_run, "machine", "run"),
        code=hashed("plot_confusion.py"),
        about=described(messages.plot_confusion, "machine", "run"),
    message:
        "{params.about}"
    script:
        "../scripts/plot_confusion.py"


# Ensembles over several trainings: how many there are depends on the run, so each is a job.
if PLAN.names_over_trainings:

    rule plot_confusion_over_trainings:
        input:
            scores=planned(paths.scores_of_run, "machine", "run"),
            weights=planned(paths.weights_of_run, "machine", "run"),
            clips=planned(paths.clip_lists, "machine"),
        output:
            matrices=confusion_figures(["{detector}"]),
            grid=confusion_grid(paths.CONFUSION_GRID_OVER_TRAININGS, "{detector}"),
        log:
            f"results/logs/plot_confusion_over_trainings/{paths.RUN}_{{detector}}.log",
        benchmark:
            f"results/benchmarks/plot_confusion_over_trainings/{paths.RUN}_{{detector}}.tsv"
        wildcard_constraints:
            detector=any_of(map(paths.file_name, PLAN.names_over_trainings)),
        group:
            grouped("figures")
        conda:
            "../../envs/figures.yaml"
        threads: 1
        resources:
            mem_mb=megabytes(300, 1e-4, planned(work.scores_of_run, "machine", "run")),
            runtime=minutes(5 + 0.1 * len(PLAN.snrs)),
        params:
            settings=planned(parameters.plot_confusion_over_trainings, "machine", "run", "detector"),
            origins=planned(origins.scores_of_run, "machine", "run"),
            code=hashed("plot_confusion.py"),
            about=described(messages.plot_confusion_over_trainings, "machine", "run", "detector"),
        message:
            "{params.about}"
        script:
            "../scripts/plot_confusion.py"


rule plot_scores:
    input:
        scores=planned(paths.scores_of_first_seed, "machine", "noise_factor", "protocol"),
        weights=planned(paths.sources_of_first_seed, "machine", "noise_factor", "protocol"),
        clips=planned(paths.clip_lists, "machine"),
    output:
        strips=score_figures(),
    log:
        "results/logs/plot_scores/{machine}/nf{nf}{protocol}.log",
    benchmark:
        "results/benchmarks/plot_scores/{machine}/nf{nf}{protocol}.tsv"
    group:
        grouped("figures")
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(300, 1e-4, planned(work.clips_of_machine, "machine")),
        runtime=minutes(5 + 2 * len(PLAN.names_of_training)),
    params:
        settings=planned(parameters.plot_scores, "machine", "noise_factor", "protocol"),
        origins=planned(origins.scores_of_first_seed, "machine", "noise_factor", "protocol"),
        code=hashed("plot_scores.py"),
        about=described(messages.plot_scores, "machine", "noise_factor", "protocol"),
    message:
        "{params.about}"
    script:
        "../scripts/plot_scores.py"


# Ensembles over several trainings: at which noise factors there is one depends on the ensemble.
if PLAN.names_over_trainings:

    rule plot_scores_over_trainings:
        input:
            scores=planned(paths.scores_shown, "machine", "ensemble", "noise_factor", "protocol"),
            weights=planned(paths.sources_shown, "machine", "ensemble", "noise_factor", "protocol"),
            clips=planned(paths.clip_lists, "machine"),
        output:
            strips=[
                in_report(
                    paths.SCORE_FIGURE,
                    "score_strips",
                    "Scores",
                    PER_RUN,
                    detector="{detector}",
                    protocol=protocol_of,
                )
            ],
        log:
            "results/logs/plot_scores_over_trainings/{machine}/nf{nf}_{detector}{protocol}.log",
        benchmark:
            "results/benchmarks/plot_scores_over_trainings/{machine}/nf{nf}_{detector}{protocol}.tsv"
        wildcard_constraints:
            detector=any_of(map(paths.file_name, PLAN.names_over_trainings)),
        group:
            grouped("figures")
        conda:
            "../../envs/figures.yaml"
        threads: 1
        resources:
            mem_mb=megabytes(300, 1e-4, planned(work.clips_of_machine, "machine")),
            runtime=minutes(5),
        params:
            settings=planned(
                parameters.plot_scores_over_trainings,
                "machine",
                "ensemble",
                "noise_factor",
                "protocol",
            ),
            origins=planned(origins.scores_shown, "machine", "ensemble", "noise_factor", "protocol"),
            code=hashed("plot_scores.py"),
            about=described(
                messages.plot_scores_over_trainings,
                "machine",
                "ensemble",
                "noise_factor",
                "protocol",
            ),
        message:
            "{params.about}"
        script:
            "../scripts/plot_scores.py"


# Machines without abnormal clips have no ROC curves.
if PLAN.auc_machines:

    rule plot_roc:
        input:
            scores=planned(paths.scores_at, "machine", "noise_factor", "protocol"),
            weights=planned(paths.weights_at, "machine", "noise_factor", "protocol"),
            clips=planned(paths.clip_lists, "machine"),
        output:
            in_report(
                paths.ROC_FIGURE,
                "roc",
                "ROC curves",
                "{machine}",
                noise_factor="{nf}",
                protocol=protocol_of,
            ),
        log:
            "results/logs/plot_roc/{machine}/nf{nf}{protocol}.log",
        benchmark:
            "results/benchmarks/plot_roc/{machine}/nf{nf}{protocol}.tsv"
        wildcard_constraints:
            machine=any_of(PLAN.auc_machines),
        group:
            grouped("figures")
        conda:
            "../../envs/figures.yaml"
        threads: 1
        resources:
            mem_mb=megabytes(
                300, 1e-4, planned(work.scores_at, "machine", "noise_factor", "protocol")
            ),
            runtime=minutes(5, 5e-5, planned(work.scores_at, "machine", "noise_factor", "protocol")),
        params:
            settings=planned(parameters.plot_roc, "machine", "noise_factor", "protocol"),
            origins=planned(origins.scores_at, "machine", "noise_factor", "protocol"),
            code=hashed("plot_roc.py"),
            about=described(messages.plot_roc, "machine", "noise_factor", "protocol"),
        message:
            "{params.about}"
        script:
            "../scripts/plot_roc.py"


rule plot_features:
    input:
        weights=planned(paths.weights_of_first_seed, "machine", "noise_factor", "protocol"),
        classifier=planned(paths.classifier_of_first_seed, "machine", "noise_factor", "protocol"),
        scores=planned(paths.scores_of_first_seed, "machine", "noise_factor", "protocol"),
        normal=planned(paths.caches_of_id, "machine", "id", kind="normal", suffix="npy"),
        abnormal=planned(paths.caches_of_id, "machine", "id", kind="abnormal", suffix="npy"),
        normal_clips=planned(paths.caches_of_id, "machine", "id", kind="normal", suffix="csv"),
        abnormal_clips=planned(paths.caches_of_id, "machine", "id", kind="abnormal", suffix="csv"),
        # of these, only what tells whether the weights and the scores were made from them
        clips=planned(paths.clip_lists, "machine"),
        reference=planned(paths.reference_caches, "machine", suffix="csv"),
        classified=planned(paths.classified_lists, "machine"),
    output:
        denoising=in_report(
            paths.DENOISING_FIGURE,
            "denoising",
            "Features before and after denoising",
            PER_RUN,
            ID="{id}",
            protocol=protocol_of,
        ),
        projection=in_report(
            paths.PROJECTION_FIGURE,
            "projection",
            "Projections of clips",
            PER_RUN,
            ID="{id}",
            protocol=protocol_of,
        ),
    log:
        "results/logs/plot_features/{machine}/nf{nf}_{id}{protocol}.log",
    benchmark:
        "results/benchmarks/plot_features/{machine}/nf{nf}_{id}{protocol}.tsv"
    group:
        grouped("figures")
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(300, 0.01, planned(work.clips_of_id, "machine", "id")),
        runtime=minutes(10, 1e-3, planned(work.clips_of_id, "machine", "id")),
    params:
        settings=planned(parameters.plot_features, "machine", "id", "noise_factor", "protocol"),
        origins=planned(origins.plot_features, "machine", "noise_factor", "protocol"),
        code=hashed("plot_features.py"),
        about=described(messages.plot_features, "machine", "id", "noise_factor", "protocol"),
    message:
        "{params.about}"
    script:
        "../scripts/plot_features.py"


rule plot_loss:
    input:
        loss=planned(paths.losses, "machine", "protocol"),
        reference=planned(paths.reference_caches, "machine", suffix="csv"),
    output:
        in_report(
            paths.LOSS_FIGURE,
            "loss",
            "Training",
            "{machine}",
            figure="loss of the DDAE",
            protocol=protocol_of,
        ),
    log:
        "results/logs/plot_loss/{machine}{protocol}.log",
    benchmark:
        "results/benchmarks/plot_loss/{machine}{protocol}.tsv"
    group:
        grouped("figures")
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(200),
        runtime=minutes(5),
    params:
        settings=planned(parameters.plot_loss, "machine", "protocol"),
        origins=planned(origins.plot_loss, "machine", "protocol"),
        code=hashed("plot_loss.py"),
        about=described(messages.plot_loss, "machine", "protocol"),
    message:
        "{params.about}"
    script:
        "../scripts/plot_loss.py"


rule plot_results:
    input:
        tables=paths.evaluations(PLAN, "csv"),
        comparisons=paths.evaluations(PLAN, "comparisons.csv"),
        conditions=paths.evaluations(PLAN, "conditions.csv"),
        false_alarms=paths.evaluations(PLAN, "false_alarms.csv"),
        replicates=paths.evaluations(PLAN, "npz"),
        weights=[file for name in PLAN.machines for file in paths.weights_of_machine(PLAN, name)],
        clips=[file for name in PLAN.machines for file in paths.clip_lists(PLAN, name)],
    output:
        **result_figures(),
    log:
        "results/logs/plot_results.log",
    benchmark:
        "results/benchmarks/plot_results.tsv"
    group:
        grouped("tables")
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(300),
        runtime=minutes(20 + 2 * len(PLAN.machines)),
    params:
        settings=parameters.plot_results(PLAN),
        origins=planned(origins.collect_results),
        code=hashed("plot_results.py"),
    message:
        "all machines: figures of the results"
    script:
        "../scripts/plot_results.py"
