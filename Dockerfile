# syntax=docker/dockerfile:1
# The first stage installs what requirements/run.txt locks, the second carries nothing but that and
# the bot, on the Debian and Python that the tests run on. An unprivileged user, a read-only root;
# only /app/data and /tmp are written.

FROM python:3.11-slim-bookworm AS build
COPY requirements/run.txt /tmp/run.txt
# A virtual environment moves between the stages as one folder.
RUN python -m venv /opt/retake \
    && /opt/retake/bin/pip install --no-cache-dir --disable-pip-version-check \
        --no-deps --require-hashes -r /tmp/run.txt \
    && /opt/retake/bin/pip uninstall --yes --quiet pip setuptools
WORKDIR /app
COPY bot bot
COPY cogs cogs
COPY config.example.toml LICENSE ./
# A checkout made under a strict umask can be read by its owner alone; the image's user must, too.
# Compiled now: the root is read-only later.
RUN chmod -R a+rX . \
    && /opt/retake/bin/python -m compileall -q bot cogs

FROM python:3.11-slim-bookworm
RUN groupadd --gid 10001 retake \
    && useradd --uid 10001 --gid retake --no-create-home --home-dir /app --shell /usr/sbin/nologin retake
COPY --from=build /opt/retake /opt/retake
COPY --from=build /app /app
WORKDIR /app
# The volume takes over the folder's owner.
RUN install -d -o retake -g retake -m 0700 data
ENV PATH=/opt/retake/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    RETAKE__LOG__FORMAT=json
USER 10001:10001
VOLUME /app/data
# Health, metrics and callbacks; bound to loopback unless http.host says otherwise.
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=8s --start-period=60s --retries=3 \
    CMD ["python", "-m", "bot.operator.healthcheck"]
ENTRYPOINT ["python", "-m", "bot"]
CMD ["run"]
