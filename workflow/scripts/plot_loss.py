"""Rule plot_loss: the DDAE's loss curves of one machine, under each protocol."""

from asd.joblog import job_log

with job_log(snakemake.log[0]):
    from asd.ddae.loss import read_loss
    from asd.ddae.origins import expected_weights
    from asd.figures.losses import loss_curves
    from asd.figures.style import save

    settings, files = snakemake.params.settings, snakemake.input
    expected = expected_weights(snakemake.params.origins, "loss", files.reference)
    trained = [
        (training, read_loss(path, whose))
        for training, path, whose in zip(settings["trainings"], files.loss, expected, strict=True)
    ]
    for protocol, path in zip(settings["protocols"], snakemake.output, strict=True):
        curves = {}
        for (noise_factor, _, of), networks in trained:
            if of == protocol:
                for network, curve in networks.items():
                    curves.setdefault(network, {}).setdefault(noise_factor, []).append(curve)
        save(loss_curves(curves, f"{settings['machine']}: training of the DDAE, {protocol} protocol"), path)
