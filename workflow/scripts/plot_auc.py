"""Rule plot_auc: AUC against SNR for the detectors, a figure for each machine."""

from asd.console import job_log

with job_log(snakemake.log[0]):
    from asd.figures import auc_by_snr, save
    from asd.tables import read_table

    settings = snakemake.params.settings
    table = read_table(snakemake.input)
    for machine, path in zip(settings["machines"], snakemake.output, strict=True):
        rows = table[table["machine"] == machine]
        save(auc_by_snr(rows, settings["snr_labels"], f"Anomaly detection on {machine}"), path)
