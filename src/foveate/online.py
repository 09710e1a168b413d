"""Check that a server answers before a download; without a network, libraries retry for half a minute."""

import ssl
import threading
from http.client import HTTPException
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit, urlunsplit
from urllib.request import build_opener, getproxies

REACH_SECONDS = 3.0
_FAILING_STATUS = (403, 407, 429, 500, 502, 503, 504)


def without_password(address: str) -> str:
    """Return an address without the user and the password in it.

    >>> without_password("https://ada:secret@hub.example.org:8080/api")
    'https://hub.example.org:8080/api'
    """
    parts = urlsplit(address)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def unreachable_reason(url: str, seconds: float | None = None) -> str | None:
    """Return why a URL cannot be reached, or None if its server answers. Uses the proxy if one is set.

    seconds: time limit for the answer; `REACH_SECONDS` if not given.

    >>> unreachable_reason("http://nowhere.invalid/a.zip").startswith("nowhere.invalid ")
    True
    """
    if any(key == "all" or proxy.startswith("socks") for key, proxy in getproxies().items()):
        return None  # urllib does not support these proxies; the downloading library does
    host, timeout = urlsplit(url).hostname, seconds or REACH_SECONDS
    reasons = [f"{host} does not answer"]

    def probe() -> None:
        try:
            # GET, as signed URLs forbid HEAD; the body is not read.
            build_opener().open(without_password(url), timeout=timeout).close()
            reasons.append("")
        except HTTPError as error:
            reasons.append(f"{host} cannot be reached ({error})" if error.code in _FAILING_STATUS else "")
        except (OSError, HTTPException, ValueError) as error:
            # An untrusted certificate is no reason: the downloading library may trust more of them.
            reason = error.reason if isinstance(error, URLError) else error
            untrusted = isinstance(reason, ssl.SSLCertVerificationError)
            reasons.append("" if untrusted else f"{host} cannot be reached ({' '.join(str(reason).split())})")

    # A thread, because name resolution has no timeout.
    thread = threading.Thread(target=probe, daemon=True)
    thread.start()
    thread.join(timeout + 0.5)
    return reasons[-1] or None
