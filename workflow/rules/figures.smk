# Figures of scores, features, trainings and tables. A job draws those of all protocols: most of its time is its start.


rule plot_confusion:
    input:
        scores=planned(paths.scores, "machine", "runs"),
        weights=planned(paths.weights, "machine", "runs"),
        clips=planned(paths.clip_lists, "machine"),
    output:
        matrices=confusion_figures(PLAN.names_of_training),
        grids=confusion_grids(paths.CONFUSION_GRID, "all"),
    log:
        "results/logs/plot_confusion/{machine}/nf{nf}_seed{seed}.log",
    benchmark:
        "results/benchmarks/plot_confusion/{machine}/nf{nf}_seed{seed}.tsv"
    wildcard_constraints:
        nf=any_of(NOISE_FACTORS),
        seed=any_of(PLAN.seeds),
    group:
        grouped("figures")
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(300, 1e-4, planned(work.scores, "machine", "runs")),
        runtime=minutes(
            5 + 0.1 * len(PLAN.protocols) * len(PLAN.snrs) * len(PLAN.names_of_training)
        ),
    params:
        settings=planned(parameters.plot_confusion, "machine", "runs"),
        origins=planned(origins.scores_of, "machine", "runs"),
        code=hashed("plot_confusion.py"),
        about=described(messages.plot_confusion, "machine", "runs"),
    message:
        "{params.about}"
    script:
        "../scripts/plot_confusion.py"


# Ensembles over several trainings: how many there are depends on the run, so each is a job.
if PLAN.names_over_trainings:

    rule plot_confusion_over_trainings:
        input:
            scores=planned(paths.scores, "machine", "runs"),
            weights=planned(paths.weights, "machine", "runs"),
            clips=planned(paths.clip_lists, "machine"),
        output:
            matrices=confusion_figures(["{detector}"]),
            grids=confusion_grids(paths.CONFUSION_GRID_OVER_TRAININGS, "{detector}"),
        log:
            "results/logs/plot_confusion_over_trainings/{machine}/nf{nf}_seed{seed}_{detector}.log",
        benchmark:
            "results/benchmarks/plot_confusion_over_trainings/{machine}/nf{nf}_seed{seed}_{detector}.tsv"
        wildcard_constraints:
            detector=any_of(map(paths.file_name, PLAN.names_over_trainings)),
        group:
            grouped("figures")
        conda:
            "../../envs/figures.yaml"
        threads: 1
        resources:
            mem_mb=megabytes(300, 1e-4, planned(work.scores, "machine", "runs")),
            runtime=minutes(5 + 0.1 * len(PLAN.protocols) * len(PLAN.snrs)),
        params:
            settings=planned(
                parameters.plot_confusion_over_trainings, "machine", "runs", "ensemble"
            ),
            origins=planned(origins.scores_of, "machine", "runs"),
            code=hashed("plot_confusion.py"),
            about=described(messages.plot_confusion_over_trainings, "machine", "runs", "ensemble"),
        message:
            "{params.about}"
        script:
            "../scripts/plot_confusion.py"


rule plot_scores:
    input:
        scores=planned(paths.scores, "machine", "first_runs"),
        weights=planned(paths.weights, "machine", "first_runs"),
        clips=planned(paths.clip_lists, "machine"),
    output:
        strips=score_figures(PLAN.names_of_training),
    log:
        "results/logs/plot_scores/{machine}/nf{nf}.log",
    benchmark:
        "results/benchmarks/plot_scores/{machine}/nf{nf}.tsv"
    group:
        grouped("figures")
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(300, 1e-4, planned(work.scores, "machine", "first_runs")),
        runtime=minutes(5 + len(PLAN.protocols) * len(PLAN.names_of_training)),
    params:
        settings=planned(parameters.plot_scores, "machine", "first_runs"),
        origins=planned(origins.scores_of, "machine", "first_runs"),
        code=hashed("plot_scores.py"),
        about=described(messages.plot_scores, "machine", "noise_factor"),
    message:
        "{params.about}"
    script:
        "../scripts/plot_scores.py"


# Ensembles over several trainings: at which noise factors there is one depends on the ensemble.
if PLAN.names_over_trainings:

    rule plot_scores_over_trainings:
        input:
            scores=planned(paths.scores, "machine", "runs_shown"),
            weights=planned(paths.weights, "machine", "runs_shown"),
            clips=planned(paths.clip_lists, "machine"),
        output:
            strips=score_figures(["{detector}"]),
        log:
            "results/logs/plot_scores_over_trainings/{machine}/nf{nf}_{detector}.log",
        benchmark:
            "results/benchmarks/plot_scores_over_trainings/{machine}/nf{nf}_{detector}.tsv"
        wildcard_constraints:
            detector=any_of(map(paths.file_name, PLAN.names_over_trainings)),
        group:
            grouped("figures")
        conda:
            "../../envs/figures.yaml"
        threads: 1
        resources:
            mem_mb=megabytes(300, 1e-4, planned(work.scores, "machine", "runs_shown")),
            runtime=minutes(5 + len(PLAN.protocols)),
        params:
            settings=planned(
                parameters.plot_scores_over_trainings, "machine", "runs_shown", "ensemble"
            ),
            origins=planned(origins.scores_of, "machine", "runs_shown"),
            code=hashed("plot_scores.py"),
            about=described(
                messages.plot_scores_over_trainings, "machine", "runs_shown", "ensemble"
            ),
        message:
            "{params.about}"
        script:
            "../scripts/plot_scores.py"


# Machines without abnormal clips have no ROC curves.
if PLAN.auc_machines:

    rule plot_roc:
        input:
            scores=planned(paths.scores, "machine", "runs_scored"),
            weights=planned(paths.weights, "machine", "runs_scored"),
            clips=planned(paths.clip_lists, "machine"),
        output:
            of_each_protocol(
                paths.ROC_FIGURE, "roc", "ROC curves", "{machine}", noise_factor="{nf}"
            ),
        log:
            "results/logs/plot_roc/{machine}/nf{nf}.log",
        benchmark:
            "results/benchmarks/plot_roc/{machine}/nf{nf}.tsv"
        wildcard_constraints:
            machine=any_of(PLAN.auc_machines),
        group:
            grouped("figures")
        conda:
            "../../envs/figures.yaml"
        threads: 1
        resources:
            mem_mb=megabytes(300, 1e-4, planned(work.scores, "machine", "runs_scored")),
            runtime=minutes(5, 5e-5, planned(work.scores, "machine", "runs_scored")),
        params:
            settings=planned(parameters.plot_roc, "machine", "runs_scored"),
            origins=planned(origins.scores_of, "machine", "runs_scored"),
            code=hashed("plot_roc.py"),
            about=described(messages.plot_roc, "machine", "noise_factor"),
        message:
            "{params.about}"
        script:
            "../scripts/plot_roc.py"


# Snakemake has to know all figures of a job before it knows the machine. So machines with the IDs that most of them have
# have a job each, and others one for each ID.
USUAL = [machine for machine in PLAN.machines if PLAN.ids(machine) == PLAN.usual_ids]


rule plot_features:
    input:
        weights=planned(paths.checkpoints, "machine", "first_runs"),
        classifier=planned(paths.classifiers, "machine", "first_runs"),
        scores=planned(paths.scores, "machine", "first_runs"),
        normal=planned(paths.caches_of_ids, "machine", "ids", kind="normal", suffix="npy"),
        abnormal=planned(paths.caches_of_ids, "machine", "ids", kind="abnormal", suffix="npy"),
        normal_clips=planned(paths.caches_of_ids, "machine", "ids", kind="normal", suffix="csv"),
        abnormal_clips=planned(paths.caches_of_ids, "machine", "ids", kind="abnormal", suffix="csv"),
        # of these, only what tells whether the weights and the scores were made from them
        clips=planned(paths.clip_lists, "machine"),
        reference=planned(paths.reference_caches, "machine", suffix="csv"),
        classified=planned(paths.classified_lists, "machine"),
    output:
        **feature_figures(PLAN.usual_ids),
    log:
        "results/logs/plot_features/{machine}/nf{nf}.log",
    benchmark:
        "results/benchmarks/plot_features/{machine}/nf{nf}.tsv"
    wildcard_constraints:
        machine=any_of(USUAL),
    group:
        grouped("figures")
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(300, 0.01, planned(work.clips_of_ids, "machine", "ids")),
        runtime=minutes(10, 2e-3, planned(work.clips_of_ids, "machine", "ids")),
    params:
        settings=planned(parameters.plot_features, "machine", "ids", "first_runs"),
        origins=planned(origins.plot_features, "machine", "first_runs"),
        code=hashed("plot_features.py"),
        about=described(messages.plot_features, "machine", "noise_factor"),
    message:
        "{params.about}"
    script:
        "../scripts/plot_features.py"


if len(USUAL) < len(PLAN.machines):

    rule plot_features_of_id:
        input:
            weights=planned(paths.checkpoints, "machine", "first_runs"),
            classifier=planned(paths.classifiers, "machine", "first_runs"),
            scores=planned(paths.scores, "machine", "first_runs"),
            normal=planned(paths.caches_of_ids, "machine", "one_id", kind="normal", suffix="npy"),
            abnormal=planned(
                paths.caches_of_ids, "machine", "one_id", kind="abnormal", suffix="npy"
            ),
            normal_clips=planned(
                paths.caches_of_ids, "machine", "one_id", kind="normal", suffix="csv"
            ),
            abnormal_clips=planned(
                paths.caches_of_ids, "machine", "one_id", kind="abnormal", suffix="csv"
            ),
            # of these, only what tells whether the weights and the scores were made from them
            clips=planned(paths.clip_lists, "machine"),
            reference=planned(paths.reference_caches, "machine", suffix="csv"),
            classified=planned(paths.classified_lists, "machine"),
        output:
            **feature_figures(["{id}"]),
        log:
            "results/logs/plot_features_of_id/{machine}/nf{nf}_{id}.log",
        benchmark:
            "results/benchmarks/plot_features_of_id/{machine}/nf{nf}_{id}.tsv"
        wildcard_constraints:
            machine=any_of(set(PLAN.machines) - set(USUAL)),
        group:
            grouped("figures")
        conda:
            "../../envs/figures.yaml"
        threads: 1
        resources:
            mem_mb=megabytes(300, 0.01, planned(work.clips_of_ids, "machine", "one_id")),
            runtime=minutes(10, 2e-3, planned(work.clips_of_ids, "machine", "one_id")),
        params:
            settings=planned(parameters.plot_features, "machine", "one_id", "first_runs"),
            origins=planned(origins.plot_features, "machine", "first_runs"),
            code=hashed("plot_features.py"),
            about=described(messages.plot_features_of_id, "machine", "id", "noise_factor"),
        message:
            "{params.about}"
        script:
            "../scripts/plot_features.py"


rule plot_loss:
    input:
        loss=planned(paths.losses_of_machine, "machine"),
        reference=planned(paths.reference_caches, "machine", suffix="csv"),
    output:
        of_each_protocol(
            paths.LOSS_FIGURE, "loss", "Training", "{machine}", figure="loss of the DDAE"
        ),
    log:
        "results/logs/plot_loss/{machine}.log",
    benchmark:
        "results/benchmarks/plot_loss/{machine}.tsv"
    group:
        grouped("figures")
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(200),
        runtime=minutes(5),
    params:
        settings=planned(parameters.plot_loss, "machine"),
        origins=planned(origins.plot_loss, "machine"),
        code=hashed("plot_loss.py"),
        about=described(messages.plot_loss, "machine"),
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
