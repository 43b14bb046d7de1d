# Scores and decisions for the clips of all IDs of a machine at all SNRs, in one folder for each training: an ID takes far
# less time than to start a job that loads scikit-learn.


# What sees nothing of the DDAE scores alike at all noise factors.
if PLAN.detectors_without_ddae:

    rule detect_without_ddae:
        input:
            normal=planned(paths.caches, "machine", kind="normal", suffix="npy"),
            abnormal=planned(paths.caches, "machine", kind="abnormal", suffix="npy"),
            normal_clips=planned(paths.caches, "machine", kind="normal", suffix="csv"),
            abnormal_clips=planned(paths.caches, "machine", kind="abnormal", suffix="csv"),
            unlabelled=planned(paths.caches, "machine", kind="unlabelled", suffix="npy"),
            unlabelled_clips=planned(paths.caches, "machine", kind="unlabelled", suffix="csv"),
            classifier=planned(paths.classifier_of, "machine", "seed", "protocol"),
            # of these, only what tells whether the classifier was made from them
            classified=planned(paths.classified_lists, "machine"),
        output:
            scores=directory(paths.SCORES_WITHOUT_DDAE),
        log:
            "results/logs/detect_without_ddae/{machine}/seed{seed}{protocol}.log",
        benchmark:
            "results/benchmarks/detect_without_ddae/{machine}/seed{seed}{protocol}.tsv"
        wildcard_constraints:
            seed=any_of(PLAN.seeds),
        group:
            grouped("detection_without_ddae")
        conda:
            detection_environment()
        threads: 1
        resources:
            mem_mb=megabytes(300, 0.01, planned(work.clips_of_machine, "machine")),
            runtime=minutes(10, 1e-4, planned(work.clips_times_fits, "machine", "protocol")),
        params:
            settings=planned(parameters.detect_without_ddae, "machine", "seed", "protocol"),
            origins=planned(origins.detect_without_ddae, "machine", "seed", "protocol"),
            code=hashed("detect_without_ddae.py"),
            about=described(messages.detect_without_ddae, "machine", "seed", "protocol"),
        message:
            "{params.about}"
        script:
            "../scripts/detect_without_ddae.py"


rule detect_anomalies:
    input:
        weights=f"{paths.CHECKPOINT}.npz",
        normal=planned(paths.caches, "machine", kind="normal", suffix="npy"),
        abnormal=planned(paths.caches, "machine", kind="abnormal", suffix="npy"),
        normal_clips=planned(paths.caches, "machine", kind="normal", suffix="csv"),
        abnormal_clips=planned(paths.caches, "machine", kind="abnormal", suffix="csv"),
        unlabelled=planned(paths.caches, "machine", kind="unlabelled", suffix="npy"),
        unlabelled_clips=planned(paths.caches, "machine", kind="unlabelled", suffix="csv"),
        shared=planned(paths.shared_scores, "machine", "run"),
        # of these, only what tells whether the weights and those scores were made from them
        classifier=planned(paths.classifiers_of_run, "machine", "run"),
        reference=planned(paths.reference_caches, "machine", suffix="csv"),
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
        runtime=minutes(10, 1e-4, planned(work.clips_times_fits, "machine", "protocol")),
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
