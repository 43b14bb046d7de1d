"""Rule plot_auc: AUC against SNR for the detectors of one machine."""

from asd.console import job_log

with job_log(snakemake.log[0]):
    from asd.evaluation import read_table
    from asd.figures import auc_by_snr, save

    labels = snakemake.params.settings["snr_labels"]
    title = f"Anomaly detection on {snakemake.wildcards.machine}"
    save(auc_by_snr(read_table(snakemake.input), list(labels), labels, title), snakemake.output[0])
