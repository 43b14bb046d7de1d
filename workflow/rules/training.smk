# One deep denoising autoencoder (DDAE) for each machine, noise factor, seed and protocol; and one classifier of IDs for
# each machine (or for all), seed and protocol.


rule train_ddae:
    input:
        normal=planned(paths.reference_caches, "machine", suffix="npy"),
        normal_clips=planned(paths.reference_caches, "machine", suffix="csv"),
    output:
        checkpoint=f"{paths.CHECKPOINT}.pt",
        # the same weights without torch, which detection would spend most of its time importing
        weights=f"{paths.CHECKPOINT}.npz",
        loss=f"{paths.CHECKPOINT}.loss.csv",
    log:
        f"results/logs/train_ddae/{paths.RUN}.log",
    benchmark:
        f"results/benchmarks/train_ddae/{paths.RUN}.tsv"
    group:
        grouped("training")
    conda:
        training_environment()
    # more threads would round sums differently and so give other weights, and are no faster on networks this small
    threads: 1
    resources:
        mem_mb=megabytes(1600, 0.02, planned(work.clips_of_reference, "machine")),
        runtime=minutes(5, 2e-5, planned(work.clips_times_epochs, "machine")),
    params:
        settings=planned(parameters.train_ddae, "machine", "run"),
        origins=planned(origins.train_ddae, "machine", "run"),
        code=hashed("train_ddae.py"),
        about=described(messages.train_ddae, "machine", "run"),
    message:
        "{params.about}"
    script:
        "../scripts/train_ddae.py"


if PLAN.has_classifier:

    rule train_classifier:
        input:
            normal=planned(paths.classified, "scope", kind="normal", suffix="npy"),
            abnormal=planned(paths.classified, "scope", kind="abnormal", suffix="npy"),
            normal_clips=planned(paths.classified, "scope", kind="normal", suffix="csv"),
            abnormal_clips=planned(paths.classified, "scope", kind="abnormal", suffix="csv"),
        output:
            classifier=f"{paths.CLASSIFIERS}/{paths.classifier_name(PLAN)}.npz",
        log:
            f"results/logs/train_classifier/{paths.classifier_name(PLAN)}.log",
        benchmark:
            f"results/benchmarks/train_classifier/{paths.classifier_name(PLAN)}.tsv"
        wildcard_constraints:
            seed=any_of(PLAN.seeds),
        group:
            grouped("classifiers")
        conda:
            training_environment()
        # as for train_ddae
        threads: 1
        resources:
            mem_mb=megabytes(500, 0.01, planned(work.clips_classified, "scope")),
            runtime=minutes(
                5, 1e-5, planned(work.clips_times_networks_times_epochs, "scope", "protocol")
            ),
        params:
            settings=planned(parameters.train_classifier, "scope", "seed", "protocol"),
            origins=planned(origins.train_classifier, "scope", "seed", "protocol"),
            code=hashed("train_classifier.py"),
            about=described(messages.train_classifier, "scope", "seed", "protocol"),
        message:
            "{params.about}"
        script:
            "../scripts/train_classifier.py"
