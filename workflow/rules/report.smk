# What the report shows, in which category and under which label.

import json

TABLES = "Leaderboard and tables"
PER_RUN = "{machine}, noise factor {nf}"  # the subcategory of figures of a training

# Categories in the order of the report's navigation; others come before the last one.
CATEGORIES = [
    TABLES,
    "AUC",
    "False alarms",
    "Scores",
    "ROC curves",
    "Confusion matrices",
    "Features before and after denoising",
    "Projections of clips",
    "Training",
    "Listen",
]

# What Snakemake's report does not offer is added as it is made; where a later Snakemake is made otherwise, its own report
# comes out.
REPORTER = getattr(sys.modules.get("snakemake.report.html_reporter"), "Reporter", None)


def find_style_sheet(reporter):
    """The style sheet of profiles/default is looked for in the working directory, which --directory makes another one
    than where Snakemake was started, and where the profile's path begins."""
    sheet = getattr(reporter.settings, "stylesheet_path", None)
    if sheet is not None and not Path(sheet).exists():
        reporter.settings.stylesheet_path = WORKFLOW.parent / sheet


def leave_out_parameters(reporter):
    """Parameters and wildcards of jobs are dictionaries for the workflow, of which labels and captions say what matters."""
    own = {rule.name for rule in workflow.rules}
    for subcategories in reporter.results.values():
        for record in sum(subcategories.values(), []):
            if record.job.rule.name in own:
                record.params = record.wildcards = ""


def add_script(reporter):
    """report/report.js, at the end of the page."""
    import jinja2

    script = (WORKFLOW / "report/report.js").read_text(encoding="utf-8")
    script = script.replace("CATEGORY_ORDER", json.dumps(CATEGORIES))
    loader, page = reporter.env.loader, "index.html.jinja2"

    def source_of(name):
        source, *others = loader.get_source(reporter.env, name)
        if name == page:
            end = f"{{% raw %}}<script>{script}</script>{{% endraw %}}\n</body>"
            source = end.join(source.rsplit("</body>", 1))
        return source, *others

    reporter.env.loader = jinja2.FunctionLoader(source_of)


if REPORTER is not None:

    def begin(reporter, begin=REPORTER.__post_init__):
        find_style_sheet(reporter)
        begin(reporter)
        for addition in (leave_out_parameters, add_script):
            try:
                addition(reporter)
            except Exception as error:
                logger.warning(
                    f"The report is plainer than it could be ({addition.__name__}: {error})."
                )

    REPORTER.__post_init__ = begin


def in_report(path, caption, category, subcategory, **labels):
    """Output that the report shows. Subcategory and labels are text with wildcards, or functions of them; labels that
    are the same for all figures of a run are left out."""
    if len(PROTOCOLS) == 1:
        labels.pop("protocol", None)
    if len(PLAN.seeds) == 1:
        labels.pop("seed", None)

    def labels_of(wildcards):
        return {
            name.replace("_", " "): (
                label(wildcards) if callable(label) else str(label).format(**wildcards)
            )
            for name, label in labels.items()
        }

    return report(
        path,
        caption=f"../report/{caption}.rst",
        category=category,
        subcategory=subcategory,
        labels=labels_of,
    )


TABLE_LABELS = {
    "leaderboard": "Leaderboard",
    "summary": "Mean over IDs and seeds",
    "auc": "Every ID",
    "comparisons": "Comparisons of detectors",
    "conditions": "Faults and attributes",
}


def table_in_report(name):
    """A table of the whole run: a page, or the CSV file of the same name, between which the report has a switch."""
    caption, _, suffix = name.partition(".")
    readable = "yes" if suffix == "html" else "no, CSV"
    label = TABLE_LABELS[caption]
    return in_report(f"results/{name}", caption, TABLES, "all machines", table=label, page=readable)


def page_in_report(path, caption, category, label):
    """A page of the whole run."""
    return in_report(path, caption, category, "all machines", page=label)


def of_each_protocol(path, *shown, **labels):
    """A figure under each protocol, in the report; other wildcards stay."""
    return [
        in_report(paths.filled(path, {"protocol": suffix}), *shown, **labels, protocol=protocol)
        for suffix, protocol in PROTOCOLS.items()
    ]


def confusion_figures(names):
    """Confusion matrices of some detectors or ensembles at every SNR under each protocol; machine, noise factor and seed
    stay wildcards. The report shows the grids of them."""
    every = product(PROTOCOLS, PLAN.snrs, map(paths.file_name, names))
    return [
        paths.filled(paths.CONFUSION_FIGURE, {"protocol": suffix, "snr": snr, "detector": detector})
        for suffix, snr, detector in every
    ]


def confusion_grids(pattern, detectors):
    """All confusion matrices of a training, or of an ensemble over several, in a figure under each protocol."""
    return of_each_protocol(
        *(pattern, "confusion", "Confusion matrices", PER_RUN), detectors=detectors, seed="{seed}"
    )


def score_figures(names):
    """Scores of some detectors or ensembles under each protocol; machine and noise factor stay wildcards."""
    return [
        in_report(
            paths.filled(
                paths.SCORE_FIGURE, {"protocol": suffix, "detector": paths.file_name(name)}
            ),
            *("score_strips", "Scores", PER_RUN),
            detector=name,
            protocol=protocol,
        )
        for (suffix, protocol), name in product(PROTOCOLS.items(), names)
    ]


def feature_figures(ids):
    """Features of some IDs under each protocol, and their projections; machine and noise factor stay wildcards."""
    shown = {
        "denoising": (paths.DENOISING_FIGURE, "denoising", "Features before and after denoising"),
        "projection": (paths.PROJECTION_FIGURE, "projection", "Projections of clips"),
    }
    return {
        kind: [
            in_report(
                paths.filled(path, {"protocol": suffix, "id": name}),
                *(caption, category, PER_RUN),
                ID=name,
                protocol=protocol,
            )
            for (suffix, protocol), name in product(PROTOCOLS.items(), ids)
        ]
        for kind, (path, caption, category) in shown.items()
    }


# kind -> caption, category, and label
RESULT_CAPTIONS = {
    "false_alarms": ("false_alarms", "False alarms", "false alarms"),
    "false_alarms_by_share": ("false_alarms_by_share", "False alarms", "by the share asked for"),
    "training_time": ("training_time", "Training", "time"),
    "heat_map": ("auc_heat_map", "AUC", "heat map"),
    "auc": ("auc_by_snr", "AUC", "by SNR"),
    "by_id": ("auc_by_id", "AUC", "by ID"),
    "noise_factor": ("auc_by_noise_factor", "AUC", "by noise factor"),
    "ablation": ("ablation", "AUC", "what the DDAE brings"),
}


def result_figures():
    """Figures of the tables: kind -> figures."""
    shown = {}
    for kind, figures in paths.result_figures(PLAN).items():
        caption, category, label = RESULT_CAPTIONS[kind]
        machines = PLAN.machines if kind.startswith("false_alarms") else PLAN.auc_machines
        machines = PLAN.machines_by_id if kind == "by_id" else machines
        if kind in ("heat_map", "training_time"):
            machines = ["all machines"]
        protocols = PLAN.protocols if kind in ("heat_map", "noise_factor", "ablation") else ["all"]
        # where every figure of a category shows all protocols, there is nothing to choose
        with_protocol = category != "False alarms"
        shown[kind] = [
            in_report(
                figure,
                caption,
                category,
                machine,
                figure=label,
                **({"protocol": protocol} if with_protocol else {}),
            )
            for figure, (machine, protocol) in zip(figures, product(machines, protocols))
        ]
    return shown
