# AUC and confusion counts, their tables over the whole run, and the figures.


rule evaluate_scores:
    input:
        scores=score_files("csv"),
        summaries=score_files("json"),
    output:
        "results/evaluation/{machine}/nf{nf}_seed{seed}.csv",
    params:
        settings=evaluation_settings,
        code=code("evaluate_scores.py"),
    log:
        "results/logs/evaluate_scores/{machine}/nf{nf}_seed{seed}.log",
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    conda:
        "../../envs/detection.yaml"
    script:
        "../scripts/evaluate_scores.py"


rule collect_results:
    input:
        tables=evaluation_files(MACHINES),
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
    params:
        code=code("collect_results.py"),
    log:
        "results/logs/collect_results.log",
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    conda:
        "../../envs/detection.yaml"
    script:
        "../scripts/collect_results.py"


rule plot_confusion:
    input:
        "results/evaluation/{machine}/nf{nf}_seed{seed}.csv",
    output:
        confusion_figures(),
    params:
        settings={"snrs": SNRS, "detectors": DETECTORS},
        code=code("plot_confusion.py"),
    log:
        "results/logs/plot_confusion/{machine}/nf{nf}_seed{seed}.log",
    threads: 1
    resources:
        mem_mb=1000,
        runtime=20,
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/plot_confusion.py"


rule plot_auc:
    input:
        lambda wildcards: evaluation_files([wildcards.machine]),
    output:
        report(
            "results/figures/auc/{machine}.png",
            caption="../report/auc_by_snr.rst",
            category="AUC by SNR",
            labels={"machine": "{machine}"},
        ),
    params:
        settings={"snrs": SNRS},
        code=code("plot_auc.py"),
    log:
        "results/logs/plot_auc/{machine}.log",
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/plot_auc.py"
