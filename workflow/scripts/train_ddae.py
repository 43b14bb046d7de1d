"""Rule train_ddae: scaling and DDAE of one machine, noise factor, seed and protocol."""

from asd.joblog import job_log

with job_log(snakemake.log[0]):
    from asd.ddae import model
    from asd.ddae.device import on_device
    from asd.ddae.loss import write_loss
    from asd.features.caches import listed, read_cache
    from asd.splits import training_rows

    settings, files = snakemake.params.settings, snakemake.input
    inputs = zip(settings["ids"], files.normal, files.normal_clips, strict=True)
    caches = {name: read_cache(array, clips) for name, array, clips in inputs}
    normal = {name: cache.features for name, cache in caches.items()}
    rows = training_rows({name: listed(cache) for name, cache in caches.items()}, settings)
    training = model.TrainingSettings(
        noise_factor=settings["noise_factor"],
        epochs=settings["epochs"],
        batch_size=settings["batch_size"],
        learning_rate=settings["learning_rate"],
        seed=settings["seed"],
    )

    def train(device):
        return model.train_machine(
            normal, rows, training, device, threads=snakemake.threads, protocol=settings["protocol"]
        )

    trained, device = on_device(settings["device"], train)
    clips = [len(chosen) for chosen in rows.values()]
    configuration = {**settings, "clips": clips, "device": device.type}
    model.save_checkpoint(trained, configuration, snakemake.output.checkpoint)
    trained.denoiser().save(snakemake.output.weights)
    write_loss(trained.loss, snakemake.output.loss)
