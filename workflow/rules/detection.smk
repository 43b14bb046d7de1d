# Scores and decisions for the clips of one ID, at all SNRs: one SNR takes less time than to start a job.


rule detect_anomalies:
    input:
        weights="results/checkpoints/{machine}/nf{nf}_seed{seed}.npz",
        normal=at_all_snrs("results/features/{{machine}}/{snr}_{{id}}_normal.npy"),
        abnormal=at_all_snrs("results/features/{{machine}}/{snr}_{{id}}_abnormal.npy"),
        normal_clips=at_all_snrs("results/features/{{machine}}/{snr}_{{id}}_normal.csv"),
        abnormal_clips=at_all_snrs("results/features/{{machine}}/{snr}_{{id}}_abnormal.csv"),
    output:
        scores=at_all_snrs("results/scores/{{machine}}/nf{{nf}}_seed{{seed}}/{snr}_{{id}}.csv"),
        summaries=at_all_snrs("results/scores/{{machine}}/nf{{nf}}_seed{{seed}}/{snr}_{{id}}.json"),
    log:
        "results/logs/detect_anomalies/{machine}/nf{nf}_seed{seed}/{id}.log",
    conda:
        "../../envs/detection.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=20,
    params:
        settings=detection_settings,
        code=code("detect_anomalies.py"),
    script:
        "../scripts/detect_anomalies.py"
