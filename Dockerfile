# syntax=docker/dockerfile:1
# The first stage installs the packages locked in requirements/run.txt. The second stage contains only
# them and the bot, on the Debian and Python that the tests run on. It runs as an unprivileged user on
# a read-only root; only /app/data and /tmp are written.

FROM python:3.11-slim-bookworm AS build
# Only for `strip`, and only in this stage.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends binutils \
    && rm -rf /var/lib/apt/lists/*
COPY requirements/run.txt /tmp/run.txt
# A virtual environment is copied between the stages as one folder.
RUN python -m venv /opt/retake \
    && /opt/retake/bin/pip install --no-cache-dir --disable-pip-version-check \
        --no-deps --require-hashes -r /tmp/run.txt \
    && /opt/retake/bin/pip uninstall --yes --quiet pip setuptools
WORKDIR /app
COPY bot bot
COPY cogs cogs
COPY config.example.toml LICENSE ./
# A checkout made under a strict umask is readable only by its owner; the image's user must read it, too.
# Compile now, because the root is read-only later.
RUN chmod -R a+rX . \
    && /opt/retake/bin/python -m compileall -q bot cogs
# Debugging symbols and languages that the bot does not use are a third of the packages' size. Check
# that every library still loads.
WORKDIR /opt/retake/lib/python3.11/site-packages
RUN find . -name '*.so' -exec strip --strip-debug {} + \
    && /opt/retake/bin/python -c "import ctypes, pathlib; \
[ctypes.CDLL(str(file.resolve())) for file in pathlib.Path().rglob('*.so')]" \
    && for file in babel/locale-data/*.dat; do \
        language=${file##*/}; \
        language=${language%%[_.]*}; \
        [ "$language" = root ] \
            || ls /app/bot/ui/locales/"$language"[.-]* >/dev/null 2>&1 \
            || rm "$file"; \
    done

FROM python:3.11-slim-bookworm
RUN groupadd --gid 10001 retake \
    && useradd --uid 10001 --gid retake --no-create-home --home-dir /app --shell /usr/sbin/nologin retake
COPY --from=build /opt/retake /opt/retake
COPY --from=build /app /app
WORKDIR /app
# The volume inherits the folder's owner.
RUN install -d -o retake -g retake -m 0700 data
ENV PATH=/opt/retake/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    RETAKE__LOG__FORMAT=json
USER 10001:10001
VOLUME /app/data
# Health, metrics and callbacks; bound to loopback unless http.host is changed.
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=8s --start-period=60s --retries=3 \
    CMD ["python", "-m", "bot.operator.healthcheck"]
ENTRYPOINT ["python", "-m", "bot"]
CMD ["run"]
