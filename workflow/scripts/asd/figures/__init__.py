"""Figures of results, scores, features and trainings."""

from matplotlib import artist

# matplotlib lists all properties in the docstrings of its classes, which takes a fifth of the time that it loads
_list_properties = artist.kwdoc
artist.kwdoc = lambda artist: ""
try:
    import matplotlib.backends.backend_agg
    import matplotlib.figure  # noqa: F401
finally:
    artist.kwdoc = _list_properties
