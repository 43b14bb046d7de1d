"""Rule train_ddae: scaling and DDAE of one machine, noise factor, seed and protocol."""

from asd.joblog import job_log

with job_log(snakemake.log[0]):
    from dataclasses import replace

    from asd.ddae import model
    from asd.ddae.device import on_device
    from asd.ddae.loss import write_loss
    from asd.features.caches import listed, read_cache
    from asd.files.origin import made_from, origins_of
    from asd.splits import training_rows

    settings, origins, files = snakemake.params.settings, snakemake.params.origins, snakemake.input
    inputs = zip(settings["ids"], files.normal, files.normal_clips, origins_of(origins, "reference"), strict=True)
    caches = {name: read_cache(array, clips, expected=whose) for name, array, clips, whose in inputs}
    normal = {name: cache.features for name, cache in caches.items()}
    rows = training_rows({name: listed(cache) for name, cache in caches.items()}, settings)
    training = model.TrainingSettings(
        noise_factor=settings["noise_factor"],
        epochs=settings["epochs"],
        batch_size=settings["batch_size"],
        learning_rate=settings["learning_rate"],
        seed=settings["seed"],
        encoder_widths=settings["encoder_widths"],
        activation=settings["activation"],
    )

    def train(device):
        return model.train_machine(
            normal, rows, training, device, threads=snakemake.threads, protocol=settings["protocol"]
        )

    trained, device = on_device(settings["device"], train)
    origin = replace(
        origins_of(origins, "own")[0],
        made_from=made_from([cache.checksum for cache in caches.values()]),
        code=snakemake.params.code,
    )
    clips = [len(chosen) for chosen in rows.values()]
    configuration = {**settings, "clips": clips, "device": device.type, "origin": origin.values()}
    model.save_checkpoint(trained, configuration, snakemake.output.checkpoint)
    trained.denoiser().save(snakemake.output.weights, origin)
    write_loss(trained.loss, snakemake.output.loss, origin)
