"""Rule plot_confusion: confusion matrices of one machine, noise factor, seed and protocol, summed over the IDs."""

from itertools import product

from asd.joblog import job_log

with job_log(snakemake.log[0]):
    from asd.evaluation.machine import Unit, read_units, summed_confusion
    from asd.figures.style import confusion_heat_map, save

    settings, wildcards, files = snakemake.params.settings, snakemake.wildcards, snakemake.input
    contents = read_units([Unit(*unit) for unit in settings["units"]], files.scores, files.summaries)
    ids = len({unit.machine_id for unit in contents})
    units = product(settings["snr_labels"].items(), settings["detectors"])
    for ((snr, label), detector), path in zip(units, snakemake.output, strict=True):
        here = [content for unit, content in contents.items() if unit.snr == snr]
        title = f"{wildcards.machine}, {label}, {detector}, {ids} ID{'s' * (ids != 1)}\n" + (
            f"noise factor {wildcards.nf}, seed {wildcards.seed}, {settings['protocol']} protocol"
        )
        save(confusion_heat_map(summed_confusion(here, detector), title), path)
