# Lets `snakemake` be called in the root of the repository; the workflow itself is workflow/Snakefile.
include: "workflow/Snakefile"


# An included file can't set the default target, so it is named here.
rule default:
    default_target: True
    input:
        rules.all.input,
    message:
        "Everything that was asked for is there."
