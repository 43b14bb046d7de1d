"""What a run consists of: configuration, files, parameters and work of every job.

It knows the configuration and nothing of Snakemake, and needs only the standard library and what Snakemake brings.  No
script of a job imports it, so that a change here runs nothing again unless it changes what a job is given.
"""

from .run import Plan as Plan
