"""What can be wrong with a user's images, masks and folders."""

from foveate.errors import UserError


class DataError(UserError):
    """A file or folder that cannot be used as it is: the message names it, the value, and the remedy."""
