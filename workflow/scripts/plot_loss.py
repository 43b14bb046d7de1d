"""Rule plot_loss: the DDAE's loss curves of one machine and protocol."""

from asd.joblog import job_log

with job_log(snakemake.log[0]):
    from itertools import product

    from asd.ddae.denoiser import NETWORKS
    from asd.ddae.loss import read_loss
    from asd.ddae.origins import expected_weights
    from asd.figures.features import loss_curves
    from asd.figures.style import save

    settings = snakemake.params.settings
    units = product(settings["noise_factors"], settings["seeds"])
    files = snakemake.input
    expected = expected_weights(snakemake.params.origins, "loss", files.reference)
    loss = {unit: read_loss(*pair) for unit, *pair in zip(units, files.loss, expected, strict=True)}
    curves = {
        network: {
            factor: [loss[factor, seed][network] for seed in settings["seeds"]] for factor in settings["noise_factors"]
        }
        for network in NETWORKS
    }
    title = f"{settings['machine']}: training of the DDAE, {settings['protocol']} protocol"
    save(loss_curves(curves, title), snakemake.output[0])
