# Statistics of the scores, and their tables over the whole run.


# One job for a machine: a noise factor and seed take far less time than to start a job.
rule evaluate_scores:
    input:
        scores=planned(paths.scores_of_machine, "machine"),
        # of these, only what tells whether the scores were made from them
        weights=planned(paths.weights_of_machine, "machine"),
        clips=planned(paths.clip_lists, "machine"),
    output:
        table=f"{paths.EVALUATION}.csv",
        comparisons=f"{paths.EVALUATION}.comparisons.csv",
        conditions=f"{paths.EVALUATION}.conditions.csv",
        false_alarms=f"{paths.EVALUATION}.false_alarms.csv",
        replicates=f"{paths.EVALUATION}.npz",
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
        mem_mb=megabytes(300, 1e-4, planned(work.scores_of_machine, "machine")),
        runtime=minutes(10, 5e-5, planned(work.scores_of_machine, "machine")),
    params:
        settings=planned(parameters.evaluate_scores, "machine"),
        origins=planned(origins.evaluate_scores, "machine"),
        code=hashed("evaluate_scores.py"),
        about=described(messages.evaluate_scores, "machine"),
    message:
        "{params.about}"
    script:
        "../scripts/evaluate_scores.py"


rule collect_results:
    input:
        tables=paths.evaluations(PLAN, "csv"),
        comparisons=paths.evaluations(PLAN, "comparisons.csv"),
        conditions=paths.evaluations(PLAN, "conditions.csv"),
        replicates=paths.evaluations(PLAN, "npz"),
        skipped=paths.skipped(PLAN),
        # how the trainings went
        loss=[file for name in PLAN.machines for file in paths.losses_of_machine(PLAN, name)],
        reference=[
            file
            for name in PLAN.machines
            for file in paths.reference_caches(PLAN, name, suffix="csv")
        ],
        weights=[file for name in PLAN.machines for file in paths.weights_of_machine(PLAN, name)],
        clips=[file for name in PLAN.machines for file in paths.clip_lists(PLAN, name)],
    output:
        page=table_in_report("leaderboard.html"),
        summary_page=table_in_report("summary.html"),
        auc_page=table_in_report("auc.html"),
        comparisons_page=table_in_report("comparisons.html"),
        conditions_page=table_in_report("conditions.html"),
        leaderboard=table_in_report("leaderboard.csv"),
        summary=table_in_report("summary.csv"),
        auc=table_in_report("auc.csv"),
        comparisons=table_in_report("comparisons.csv"),
        conditions=table_in_report("conditions.csv"),
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
        settings=parameters.collect_results(PLAN),
        origins=planned(origins.collect_results),
        trainings=planned(origins.trainings),
        code=hashed("collect_results.py"),
    message:
        "all machines: leaderboard and tables"
    script:
        "../scripts/collect_results.py"
