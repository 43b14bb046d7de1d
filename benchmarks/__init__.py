"""The workflow against a plain reading of its method, in the same run on the same machine: ``python -m benchmarks``."""
