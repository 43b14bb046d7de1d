"""Rule train_ddae: scaling and DDAE of one machine, noise factor and seed."""

from asd.console import job_log

with job_log(snakemake.log[0]):
    from asd import ddae
    from asd.caches import read_features
    from asd.splits import ddae_rows

    settings = snakemake.params.settings
    device = ddae.choose_device(settings["device"])
    normal = {name: read_features(path) for name, path in zip(settings["ids"], snakemake.input, strict=True)}
    rows = {
        name: ddae_rows(
            count,
            len(normal[name]),
            settings["on_shortfall"],
            f"machine {settings['machine']}, SNR {settings['reference_snr']}, ID {name}",
        )
        for name, count in zip(settings["ids"], settings["clips"], strict=True)
    }
    trained = ddae.train_machine(
        normal,
        rows,
        ddae.TrainingSettings(
            noise_factor=settings["noise_factor"],
            epochs=settings["epochs"],
            batch_size=settings["batch_size"],
            learning_rate=settings["learning_rate"],
            seed=settings["seed"],
        ),
        device,
        threads=snakemake.threads,
    )
    configuration = {**settings, "clips": list(rows.values()), "device": device.type}
    ddae.save_checkpoint(trained, configuration, snakemake.output.checkpoint)
    trained.denoiser().save(snakemake.output.weights)
