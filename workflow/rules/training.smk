# One deep denoising autoencoder (DDAE) for each machine, noise factor and seed.


rule train_ddae:
    input:
        reference_caches,
    output:
        checkpoint="results/checkpoints/{machine}/nf{nf}_seed{seed}.pt",
        # the same weights without torch, which detection would spend most of its time importing
        weights="results/checkpoints/{machine}/nf{nf}_seed{seed}.npz",
    log:
        "results/logs/train_ddae/{machine}/nf{nf}_seed{seed}.log",
    benchmark:
        "results/benchmarks/train_ddae/{machine}/nf{nf}_seed{seed}.tsv"
    conda:
        "../../envs/torch.yaml"
    # more threads would round sums differently and so give other weights, and are no faster on networks this small
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        settings=training_settings,
        code=code("train_ddae.py"),
    script:
        "../scripts/train_ddae.py"
