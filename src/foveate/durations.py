"""Durations in words, such as "1 min 40 s"."""


def duration(seconds: float) -> str:
    """Return a duration in seconds as words in its two largest units at most.

    >>> duration(8), duration(100), duration(120), duration(9000)
    ('8 s', '1 min 40 s', '2 min', '2 h 30 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
