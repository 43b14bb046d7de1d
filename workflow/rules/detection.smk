# Scores and decisions for the clips of one ID at one SNR.


rule detect_anomalies:
    input:
        weights="results/checkpoints/{machine}/nf{nf}_seed{seed}.npz",
        normal="results/features/{machine}/{snr}_{id}_normal.npy",
        abnormal="results/features/{machine}/{snr}_{id}_abnormal.npy",
        normal_clips="results/features/{machine}/{snr}_{id}_normal.csv",
        abnormal_clips="results/features/{machine}/{snr}_{id}_abnormal.csv",
    output:
        scores="results/scores/{machine}/nf{nf}_seed{seed}/{snr}_{id}.csv",
        summary="results/scores/{machine}/nf{nf}_seed{seed}/{snr}_{id}.json",
    log:
        "results/logs/detect_anomalies/{machine}/nf{nf}_seed{seed}/{snr}_{id}.log",
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
