# Figures of scores, features, trainings and tables.

for number, (runs_of_names, names) in enumerate(confusion_batches(), start=1):

    rule:
        name:
            numbered("plot_confusion", number)
        input:
            scores=unit_files("csv"),
            summaries=unit_files("json"),
        output:
            confusion_figures(names),
        log:
            f"results/logs/{numbered('plot_confusion', number)}/{RUN}.log",
        benchmark:
            f"results/benchmarks/{numbered('plot_confusion', number)}/{RUN}.tsv"
        wildcard_constraints:
            nf=any_of(nf for nf, _ in runs_of_names),
            seed=any_of(seed for _, seed in runs_of_names),
        group:
            grouped("figures")
        conda:
            "../../envs/figures.yaml"
        threads: 1
        resources:
            mem_mb=megabytes(300, 1e-4, scores_of_units),
            runtime=minutes(5 + 0.5 * len(SNRS) * len(names)),
        params:
            settings=confusion_settings(names),
            code=code("plot_confusion.py"),
        script:
            "../scripts/plot_confusion.py"


# Machines without abnormal clips have no ROC curves.
for number, (machines, roc_curves) in enumerate(score_batches(), start=1):

    rule:
        name:
            numbered("plot_scores", number)
        input:
            scores=unit_files("csv"),
            summaries=unit_files("json"),
        output:
            **roc_curves,
            histograms=score_figures(),
        log:
            f"results/logs/{numbered('plot_scores', number)}/{{machine}}/nf{{nf}}{{protocol}}.log",
        benchmark:
            f"results/benchmarks/{numbered('plot_scores', number)}/{{machine}}/nf{{nf}}{{protocol}}.tsv"
        wildcard_constraints:
            machine=any_of(machines),
        group:
            grouped("figures")
        conda:
            "../../envs/figures.yaml"
        threads: 1
        resources:
            mem_mb=megabytes(300, 1e-4, scores_of_units),
            runtime=minutes(5 + 2 * len(DETECTORS), 5e-5, scores_of_units),
        params:
            settings=score_figure_settings,
            code=code("plot_scores.py"),
        script:
            "../scripts/plot_scores.py"


# As for detection, a job takes several IDs, and machines with other IDs have a rule of their own.
for number, (ids, machines) in enumerate(id_batches().items(), start=1):

    rule:
        name:
            numbered("plot_features", number)
        input:
            weights=expand(f"{CHECKPOINT}.npz", seed=SEEDS[0], allow_missing=True),
            normal=caches_of(ids, "normal.npy"),
            abnormal=caches_of(ids, "abnormal.npy"),
            normal_clips=caches_of(ids, "normal.csv"),
            abnormal_clips=caches_of(ids, "abnormal.csv"),
        output:
            denoising=figures_of_ids(
                DENOISING_FIGURE, ids, "denoising", "Features before and after denoising"
            ),
            projection=figures_of_ids(PROJECTION_FIGURE, ids, "projection", "Projections of clips"),
        log:
            f"results/logs/{numbered('plot_features', number)}/{{machine}}/nf{{nf}}{{protocol}}.log",
        benchmark:
            f"results/benchmarks/{numbered('plot_features', number)}/{{machine}}/nf{{nf}}{{protocol}}.tsv"
        wildcard_constraints:
            machine=any_of(machines),
        group:
            grouped("figures")
        conda:
            "../../envs/figures.yaml"
        threads: 1
        resources:
            mem_mb=megabytes(300, 0.01, clips_of_ids(ids)),
            runtime=minutes(10, 1e-3, clips_of_ids(ids)),
        params:
            settings=feature_figure_settings(ids),
            code=code("plot_features.py"),
        script:
            "../scripts/plot_features.py"


rule plot_loss:
    input:
        expand(f"{CHECKPOINT}.loss.csv", nf=NOISE_FACTORS, seed=SEEDS, allow_missing=True),
    output:
        in_report(
            LOSS_FIGURE,
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
        settings=loss_figure_settings,
        code=code("plot_loss.py"),
    script:
        "../scripts/plot_loss.py"


if AUC_MACHINES:

    rule plot_results:
        input:
            tables=evaluation_files("csv"),
            comparisons=evaluation_files("comparisons.csv"),
            replicates=evaluation_files("npz"),
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
            runtime=minutes(20 + 2 * len(MACHINES)),
        params:
            settings=result_figure_settings(),
            code=code("plot_results.py"),
        script:
            "../scripts/plot_results.py"
