"""The settings of a server of predictions."""

from dataclasses import dataclass

from foveate.errors import UserError


@dataclass(frozen=True)
class ServingSpec:
    """The settings of a server: its address, its limits and its batches.

    Args:
        host: address to listen on. 0.0.0.0 is every interface of the machine; then set a token.
        port: TCP port to listen on; 0 for any free one.
        token: clients must send "Authorization: Bearer TOKEN"; also read from FOVEATE_TOKEN.
        batch: most images of one size that are computed together; 1 for one by one.
        wait_ms: milliseconds that an idle server waits for more images of a batch.
        queue: most requests in work at a time; beyond it, clients are told to come back (429).
        timeout: seconds for a request to arrive, and seconds for its answer.
        max_megabytes: largest body of a request in MB (10^6 bytes).
        max_megapixels: largest image in millions of pixels, checked before it is decoded.
        drift_window: images after which drift is judged anew; 0: never.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    token: str | None = None
    batch: int = 8
    wait_ms: float = 5.0
    queue: int = 64
    timeout: float = 30.0
    max_megabytes: float = 32.0
    max_megapixels: float = 25.0
    drift_window: int = 100

    def check(self) -> None:
        """Raise `UserError` for a value outside its range, and name its flag.

        >>> ServingSpec(batch=0).check()
        Traceback (most recent call last):
        foveate.errors.UserError: --batch: 0 is outside 1 to 1024
        """
        ranges = {
            "port": (0, 65535),
            "batch": (1, 1024),
            "wait_ms": (0, 10_000),
            "queue": (1, 100_000),
            "timeout": (0.1, 3600),
            "max_megabytes": (0.001, 2000),
            "max_megapixels": (0.0001, 89),
        }
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise UserError(f"--{name.replace('_', '-')}: {value} is outside {low} to {high}")
        if self.drift_window != 0 and not 10 <= self.drift_window <= 10_000:
            raise UserError(f"--drift-window: {self.drift_window} is outside 10 to 10000; 0 watches nothing")
        if self.token is not None and not (self.token.isascii() and self.token.isprintable() and self.token):
            raise UserError("--token: takes printable ASCII characters, at least one")
