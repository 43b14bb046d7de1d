# AUC and confusion counts, their tables over the whole run, and the figures.


# One job for a machine: a noise factor and seed take far less time than to start a job.
rule evaluate_scores:
    input:
        scores=all_score_files("csv"),
        summaries=all_score_files("json"),
    output:
        "results/evaluation/{machine}.csv",
    log:
        "results/logs/evaluate_scores/{machine}.log",
    conda:
        "../../envs/detection.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    params:
        settings=evaluation_settings,
        code=code("evaluate_scores.py"),
    script:
        "../scripts/evaluate_scores.py"


rule collect_results:
    input:
        tables=evaluation_files(),
        skipped=skipped_files(),
    output:
        auc=report(
            "results/auc.csv",
            caption="../report/auc.rst",
            category="Tables",
            labels={"table": "AUC of every ID"},
        ),
        summary=report(
            "results/summary.csv",
            caption="../report/summary.rst",
            category="Tables",
            labels={"table": "Mean over IDs and seeds"},
        ),
        skipped="results/skipped_clips.csv",
        text="results/summary.txt",
    log:
        "results/logs/collect_results.log",
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    params:
        code=code("collect_results.py"),
    script:
        "../scripts/collect_results.py"


rule plot_confusion:
    input:
        score_files,
    output:
        confusion_figures(),
    log:
        "results/logs/plot_confusion/{machine}/nf{nf}_seed{seed}.log",
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=20,
    params:
        settings=confusion_settings,
        code=code("plot_confusion.py"),
    script:
        "../scripts/plot_confusion.py"


rule plot_auc:
    input:
        evaluation_files(),
    output:
        auc_figures(),
    log:
        "results/logs/plot_auc.log",
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=20,
    params:
        settings={"machines": list(MACHINES), "snr_labels": snr_labels()},
        code=code("plot_auc.py"),
    script:
        "../scripts/plot_auc.py"
