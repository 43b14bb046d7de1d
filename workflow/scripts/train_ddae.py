"""Rule train_ddae: scaling and DDAE of one machine, noise factor, seed and protocol."""

from asd.joblog import job_log

with job_log(snakemake.log[0]):
    from asd.ddae import model
    from asd.ddae.device import on_device
    from asd.ddae.loss import write_loss
    from asd.features.caches import read_cache
    from asd.splits import training_rows

    settings, files = snakemake.params.settings, snakemake.input
    caches = zip(settings["ids"], files.normal, files.normal_clips, strict=True)
    normal = {name: read_cache(array, clips).features for name, array, clips in caches}
    rows = training_rows({name: len(features) for name, features in normal.items()}, settings)
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
