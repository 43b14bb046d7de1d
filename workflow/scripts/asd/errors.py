"""The one exception whose message is meant for the person who runs the analysis."""


class UserError(Exception):
    """Something the user can mend: a file, a folder or a configuration key.

    The message says what is wrong, where (file or key) and what to do.  It is shown without a traceback.
    """
