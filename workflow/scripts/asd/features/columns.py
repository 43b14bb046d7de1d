"""The columns of a feature array: which numbers a clip has, apart from how they are computed.

A module of its own, so that code which only uses features does not depend on the code that extracts them.
"""

MEL_BANDS = 128
BASIC_NAMES = ("rms", "kurtosis", "skewness", "ptp", "crest", "mean", "std", "entropy")

MFCC_COLUMNS = slice(0, MEL_BANDS)
BASIC_COLUMNS = slice(MEL_BANDS, MEL_BANDS + len(BASIC_NAMES))
FEATURE_NAMES = (*(f"mfcc_{number}" for number in range(MEL_BANDS)), *BASIC_NAMES)
N_FEATURES = len(FEATURE_NAMES)
