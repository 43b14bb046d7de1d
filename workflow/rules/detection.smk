# Scores and decisions for the clips of some IDs, at all SNRs. One ID takes far less time than to start a job that loads
# scikit-learn, so a job takes several. Outputs can't depend on a wildcard: machines with other IDs have a rule of their own.

for number, (ids, machines) in enumerate(id_batches().items(), start=1):

    rule:
        name:
            numbered("detect_anomalies", number)
        input:
            weights=f"{CHECKPOINT}.npz",
            normal=caches_of(ids, "normal.npy"),
            abnormal=caches_of(ids, "abnormal.npy"),
            normal_clips=caches_of(ids, "normal.csv"),
            abnormal_clips=caches_of(ids, "abnormal.csv"),
        output:
            scores=scores_of(ids, "csv"),
            summaries=scores_of(ids, "json"),
        log:
            f"results/logs/{numbered('detect_anomalies', number)}/{RUN}.log",
        benchmark:
            f"results/benchmarks/{numbered('detect_anomalies', number)}/{RUN}.tsv"
        wildcard_constraints:
            machine=any_of(machines),
        group:
            grouped("detection")
        conda:
            detection_environment()
        threads: 1
        resources:
            mem_mb=megabytes(300, 0.01, clips_of_ids(ids)),
            runtime=minutes(10, 1e-4, fitted_clips(ids)),
        params:
            settings=detection_settings(ids),
            code=code("detect_anomalies.py"),
        script:
            "../scripts/detect_anomalies.py"


# Ensembles only read scores, so that one is added without detection or training.
if ENSEMBLE_SETTINGS:

    for number, (ids, machines) in enumerate(id_batches().items(), start=1):

        rule:
            name:
                numbered("combine_scores", number)
            input:
                scores=member_files(ids, "csv"),
                summaries=member_files(ids, "json"),
            output:
                scores=ensemble_files(ids, "csv"),
                summaries=ensemble_files(ids, "json"),
            log:
                f"results/logs/{numbered('combine_scores', number)}/{RUN}.log",
            benchmark:
                f"results/benchmarks/{numbered('combine_scores', number)}/{RUN}.tsv"
            wildcard_constraints:
                machine=any_of(machines),
            group:
                grouped("ensembles")
            conda:
                "../../envs/detection.yaml"
            threads: 1
            resources:
                mem_mb=megabytes(100, 1e-4, scores_of_members(ids)),
                runtime=minutes(3, 1e-5, scores_of_members(ids)),
            params:
                settings=ensemble_settings(ids),
                code=code("combine_scores.py"),
            script:
                "../scripts/combine_scores.py"
