# Scores and decisions for the clips of all IDs of a machine at all SNRs, in one folder for each training: an ID takes far
# less time than to start a job that loads scikit-learn.


rule detect_anomalies:
    input:
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
        scores=directory(paths.SCORES),
    log:
        f"results/logs/detect_anomalies/{paths.RUN}.log",
    benchmark:
        f"results/benchmarks/detect_anomalies/{paths.RUN}.tsv"
    wildcard_constraints:
        nf=any_of(NOISE_FACTORS),
        seed=any_of(PLAN.seeds),
    group:
        grouped("detection")
    conda:
        detection_environment()
    threads: 1
    resources:
        mem_mb=megabytes(300, 0.01, planned(work.clips_of_machine, "machine")),
        runtime=minutes(10, 1e-4, planned(work.clips_times_fits, "machine", "run")),
    params:
        settings=planned(parameters.detect_anomalies, "machine", "run"),
        origins=planned(origins.detect_anomalies, "machine", "run"),
        code=hashed("detect_anomalies.py"),
        about=described(messages.detect_anomalies, "machine", "run"),
    message:
        "{params.about}"
    script:
        "../scripts/detect_anomalies.py"


# Ensembles only read scores, so that one is added without detection or training.
if PLAN.ensembles:

    rule combine_scores:
        input:
            scores=planned(paths.members, "machine", "run"),
            # of these, only what tells whether the scores were made from them
            weights=planned(paths.weights_of_run, "machine", "run"),
            clips=planned(paths.clip_lists, "machine"),
        output:
            scores=directory(paths.ENSEMBLES),
        log:
            f"results/logs/combine_scores/{paths.RUN}.log",
        benchmark:
            f"results/benchmarks/combine_scores/{paths.RUN}.tsv"
        group:
            grouped("ensembles")
        conda:
            "../../envs/detection.yaml"
        threads: 1
        resources:
            mem_mb=megabytes(100, 1e-4, planned(work.scores_averaged, "machine", "run")),
            runtime=minutes(3, 1e-5, planned(work.scores_averaged, "machine", "run")),
        params:
            settings=planned(parameters.combine_scores, "machine", "run"),
            origins=planned(origins.combine_scores, "machine", "run"),
            code=hashed("combine_scores.py"),
            about=described(messages.combine_scores, "machine", "run"),
        message:
            "{params.about}"
        script:
            "../scripts/combine_scores.py"
