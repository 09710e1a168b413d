"""What can be wrong with a user's images, masks and folders."""

from foveate.errors import UserError


class DataError(UserError):
    """A file or folder that cannot be used as it is: the message names it, the value, and the remedy."""


class SeveralDatasets(DataError):
    """A folder that holds several datasets: one of them has to be named."""
