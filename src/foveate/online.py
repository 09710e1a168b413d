"""Is there a network? Asked before a library, or a download of ours, waits and retries for half a minute."""

import ssl
import threading
from http.client import HTTPException
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import build_opener, getproxies

REACH_SECONDS = 3.0
_TURNED_AWAY = (403, 407, 429, 500, 502, 503, 504)


def unreachable_reason(url: str, seconds: float | None = None) -> str | None:
    """Why nothing can be had from an address, through the proxy if one is set; None where it answers.

    seconds: how long it may take to answer; `REACH_SECONDS` if not given.

    >>> unreachable_reason("http://nowhere.invalid/a.zip").startswith("nowhere.invalid ")
    True
    """
    if any(key == "all" or proxy.startswith("socks") for key, proxy in getproxies().items()):
        return None  # urllib knows no such proxies; what downloads does
    host, patience = urlsplit(url).hostname, seconds or REACH_SECONDS
    said = [f"{host} does not answer"]

    def ask() -> None:
        try:
            # Not HEAD, which signed addresses forbid; the content stays unread.
            build_opener().open(url, timeout=patience).close()
            said.append("")
        except HTTPError as error:
            said.append(f"{host} cannot be reached ({error})" if error.code in _TURNED_AWAY else "")
        except (OSError, HTTPException, ValueError) as error:
            # Whether a certificate is to be trusted is for the library to say: it may know more of them.
            reason = error.reason if isinstance(error, URLError) else error
            trusted = not isinstance(reason, ssl.SSLCertVerificationError)
            said.append(f"{host} cannot be reached ({' '.join(str(reason).split())})" if trusted else "")

    # The resolver of names has no time limit of its own.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(patience + 0.5)
    return said[-1] or None
