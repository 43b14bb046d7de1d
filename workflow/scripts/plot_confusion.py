"""Rule plot_confusion: confusion matrices of one machine, noise factor and seed, summed over the IDs."""

from itertools import product

from asd.console import job_log

with job_log(snakemake.log[0]):
    from asd.figures import confusion_counts, confusion_heat_map, save
    from asd.tables import read_table

    settings, wildcards = snakemake.params.settings, snakemake.wildcards
    table = read_table([snakemake.input[0]])
    units = product(settings["snr_labels"].items(), settings["detectors"])
    for ((snr, label), detector), path in zip(units, snakemake.output, strict=True):
        rows = table[(table["snr"] == snr) & (table["detector"] == detector)]
        title = f"{wildcards.machine}, {label}, {detector}, {len(rows)} IDs\n" + (
            f"noise factor {wildcards.nf}, seed {wildcards.seed}"
        )
        save(confusion_heat_map(confusion_counts(rows), title), path)
