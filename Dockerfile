FROM python:3.11-slim

# tini is pid 1: it passes signals on and reaps the workers that a restarted bot left behind.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends tini \
    && rm -rf /var/lib/apt/lists/*

ARG UID=1000
RUN useradd --uid "${UID}" --create-home spotter \
    && install --directory --owner=spotter --group=spotter /data

WORKDIR /app

# The dependencies come first, so that a change of the code does not install torch again. PIP_ARGS may name another
# package index: the usual one's torch brings several GB of CUDA libraries that a machine without a GPU does not need.
ARG PIP_ARGS=""
COPY pyproject.toml constraints.txt ./
RUN python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["dependencies"], sep="\n")' \
        > dependencies.txt \
    && pip install --no-cache-dir ${PIP_ARGS} -c constraints.txt -r dependencies.txt

COPY README.md LICENSE ./
COPY bot bot
COPY trainer_core trainer_core
COPY playground playground
RUN pip install --no-cache-dir ${PIP_ARGS} --no-deps -e .
COPY deploy/keep_running.py deploy/keep_running.py

USER spotter
ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    SPOTTER_HOME=/data \
    SPOTTER_HEALTH_PORT=8710
VOLUME /data

HEALTHCHECK --interval=30s --timeout=5s --start-period=2m --retries=4 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8710/readyz', timeout=4)"]

ENTRYPOINT ["tini", "--", "python", "deploy/keep_running.py"]
CMD ["spotter", "run"]
