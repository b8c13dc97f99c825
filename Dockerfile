# syntax=docker/dockerfile:1
# The first stage installs what requirements/run.txt locks, the second carries nothing but that,
# the bot and ffmpeg, on the Debian and Python that the tests run on. An unprivileged user, a
# read-only root; only /app/data and /tmp are written.

FROM python:3.11-slim-bookworm AS packages
COPY requirements/run.txt /tmp/run.txt
# A virtual environment moves between the stages as one folder. imageio-ffmpeg's own binary goes:
# Debian's ffmpeg gets security updates with the image.
RUN python -m venv /opt/retake \
    && /opt/retake/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r /tmp/run.txt \
    && rm -f /opt/retake/lib/python3*/site-packages/imageio_ffmpeg/binaries/ffmpeg-* \
    && /opt/retake/bin/pip uninstall --yes --quiet pip

FROM python:3.11-slim-bookworm
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ffmpeg \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 retake \
    && useradd --uid 10001 --gid retake --no-create-home --home-dir /app --shell /usr/sbin/nologin retake
WORKDIR /app
COPY --from=packages /opt/retake /opt/retake
COPY bot bot
COPY cogs cogs
COPY config.example.toml LICENSE ./
# Compiled now: the root is read-only later. The volume takes over the folder's owner.
RUN /opt/retake/bin/python -m compileall -q bot cogs \
    && install -d -o retake -g retake -m 0700 data
ENV PATH=/opt/retake/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    RETAKE__LOG__FORMAT=json
USER 10001:10001
VOLUME /app/data
# Health, metrics and callbacks; bound to loopback unless http.host says otherwise.
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ.get('RETAKE__HTTP__PORT', '8080') + '/healthz', timeout=4).close()"]
ENTRYPOINT ["python", "-m", "bot"]
CMD ["run"]
