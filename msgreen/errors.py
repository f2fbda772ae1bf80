"""Errors and warnings of msgreen.

Messages follow one grammar: ``Argument `x` must ..., but ... . <Remedy>``.
"""


class MsgreenError(Exception):
    """Base class of every error that msgreen raises on purpose."""


class InputError(MsgreenError, ValueError):
    """An argument has a value that has no physical or mathematical meaning."""


class PrecisionError(MsgreenError, RuntimeError):
    """Double precision is needed, but JAX runs in single precision."""


class ProcessError(MsgreenError, RuntimeError):
    """A process that shares the work of a run has ended before the others."""


class ConfigError(InputError):
    """A configuration file is wrong; the message names file, line and remedy."""


class FileFormatError(MsgreenError, ValueError):
    """A data file is truncated, mismatched or foreign; the message names file and place."""


class AccuracyWarning(UserWarning):
    """A result may be less accurate than the caller assumes."""


class UnitWarning(UserWarning):
    """A number may be meant in another unit, or its key says the unit now."""


class LossWarning(UserWarning):
    """A file does not hold everything that was to be written to it."""
