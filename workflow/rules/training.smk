# One deep denoising autoencoder (DDAE) for each machine, noise factor, seed and protocol.


rule train_ddae:
    input:
        normal=reference_files("npy"),
        normal_clips=reference_files("csv"),
    output:
        checkpoint=f"{CHECKPOINT}.pt",
        # the same weights without torch, which detection would spend most of its time importing
        weights=f"{CHECKPOINT}.npz",
        loss=f"{CHECKPOINT}.loss.csv",
    log:
        f"results/logs/train_ddae/{RUN}.log",
    benchmark:
        f"results/benchmarks/train_ddae/{RUN}.tsv"
    group:
        grouped("training")
    conda:
        training_environment()
    # more threads would round sums differently and so give other weights, and are no faster on networks this small
    threads: 1
    resources:
        mem_mb=megabytes(1600, 0.02, clips_of_reference),
        runtime=minutes(5, 2e-5, epochs_of_training),
    params:
        settings=training_settings,
        code=code("train_ddae.py"),
    script:
        "../scripts/train_ddae.py"
