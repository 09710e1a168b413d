# A server of one run, as an unprivileged user. Build it where this file lies:
#   docker build -t foveate-serve .
#   docker run --rm -p 127.0.0.1:8000:8000 -v "$PWD/runs/a:/run/model:ro" --read-only --tmpfs /tmp foveate-serve
FROM python:3.11.11-slim-bookworm AS build

COPY requirements/lock.txt /build/requirements/lock.txt
COPY pyproject.toml README.md LICENSE CHANGELOG.md /build/
COPY src /build/src
COPY configs /build/configs
RUN python -m venv /opt/foveate \
    && /opt/foveate/bin/pip install --no-cache-dir uv==0.13.9 \
    && /opt/foveate/bin/uv pip install --no-cache -p /opt/foveate/bin/python --torch-backend cpu \
       -c /build/requirements/lock.txt '/build[serve,export]'

FROM python:3.11.11-slim-bookworm

COPY --from=build /opt/foveate /opt/foveate
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin foveate
ENV PATH=/opt/foveate/bin:$PATH PYTHONDONTWRITEBYTECODE=1 MPLCONFIGDIR=/tmp HF_HUB_OFFLINE=1
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/ready', timeout=4)"]
ENTRYPOINT ["foveate", "serve"]
CMD ["/run/model", "--host", "0.0.0.0", "--port", "8000"]
