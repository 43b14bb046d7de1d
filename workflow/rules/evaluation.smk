# Statistics of the scores, and their tables over the whole run.


# One job for a machine: a noise factor and seed take far less time than to start a job.
rule evaluate_scores:
    input:
        scores=unit_files("csv"),
        summaries=unit_files("json"),
    output:
        table="results/evaluation/{machine}.csv",
        comparisons="results/evaluation/{machine}.comparisons.csv",
        replicates="results/evaluation/{machine}.npz",
    log:
        "results/logs/evaluate_scores/{machine}.log",
    benchmark:
        "results/benchmarks/evaluate_scores/{machine}.tsv"
    group:
        grouped("tables")
    conda:
        "../../envs/detection.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(300, 1e-4, scores_of_units),
        runtime=minutes(10, 5e-5, scores_of_units),
    params:
        settings=evaluation_settings,
        code=code("evaluate_scores.py"),
    script:
        "../scripts/evaluate_scores.py"


rule collect_results:
    input:
        tables=evaluation_files("csv"),
        comparisons=evaluation_files("comparisons.csv"),
        replicates=evaluation_files("npz"),
        skipped=skipped_files(),
    output:
        page=in_report(
            "results/leaderboard.html",
            "leaderboard",
            "Tables",
            "all machines",
            table="Leaderboard",
        ),
        leaderboard=in_report(
            "results/leaderboard.csv",
            "leaderboard",
            "Tables",
            "all machines",
            table="Leaderboard (CSV)",
        ),
        summary=in_report(
            "results/summary.csv",
            "summary",
            "Tables",
            "all machines",
            table="Mean over IDs and seeds (CSV)",
        ),
        auc=in_report("results/auc.csv", "auc", "Tables", "all machines", table="Every ID (CSV)"),
        comparisons=in_report(
            "results/comparisons.csv",
            "comparisons",
            "Tables",
            "all machines",
            table="Comparisons of detectors (CSV)",
        ),
        markdown="results/leaderboard.md",
        skipped="results/skipped_clips.csv",
        text="results/summary.txt",
    log:
        "results/logs/collect_results.log",
    benchmark:
        "results/benchmarks/collect_results.tsv"
    group:
        grouped("tables")
    conda:
        "../../envs/detection.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(300),
        runtime=minutes(20),
    params:
        settings=collection_settings(),
        code=code("collect_results.py"),
    script:
        "../scripts/collect_results.py"
