# The image of every Airflow process in docker-compose.yml: Airflow, our package with its locked requirements, our DAGs.
# A tag can be moved: scripts/pin_images writes the digest of each base image behind it, where a registry can be asked.

# annoy has no wheel. Its own build says -march=native, so that an image built on one CPU may die with "illegal
# instruction" on another: here it is built for any x86-64 or arm64, and the compiler stays in this stage.
FROM apache/airflow:3.3.2-python3.11 AS wheels
USER root
RUN apt-get update \
    && apt-get install -y --no-install-recommends g++ \
    && rm -rf /var/lib/apt/lists/*
USER airflow
ENV ANNOY_COMPILER_ARGS=-O3,-ffast-math,-fno-associative-math,-DANNOYLIB_MULTITHREADED_BUILD,-std=c++14
COPY --chown=airflow:0 requirements.txt /tmp/requirements.txt
# Built by the locked setuptools; in a build environment of its own pip would fetch the newest one, whose hash nobody holds.
RUN sed -n '/^annoy==/,/[^\\]$/p' /tmp/requirements.txt > /tmp/annoy.txt \
    && sed -n '/^setuptools==/,/[^\\]$/p' /tmp/requirements.txt > /tmp/setuptools.txt \
    && pip install --no-cache-dir --require-hashes -r /tmp/setuptools.txt \
    && pip wheel --no-cache-dir --no-deps --require-hashes --no-build-isolation --wheel-dir /tmp/wheels -r /tmp/annoy.txt
COPY --chown=airflow:0 pyproject.toml /tmp/recsys/pyproject.toml
COPY --chown=airflow:0 recsys_tasks /tmp/recsys/recsys_tasks
RUN pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /tmp/wheels /tmp/recsys

FROM apache/airflow:3.3.2-python3.11
USER root
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && install -d -o airflow -g 0 -m 0775 /opt/recsys /opt/recsys/store
USER airflow
COPY --from=wheels /tmp/wheels /tmp/wheels
COPY --chown=airflow:0 requirements.txt /tmp/requirements.txt
COPY --chown=airflow:0 requirements-workers.txt /tmp/requirements-workers.txt
# The lock holds apache-airflow itself, so that nothing can move the image's Airflow to another version, and a hash of each
# file. The package is installed from its file: a package of the same name in a registry is not asked for.
RUN pip install --no-cache-dir --no-deps /tmp/wheels/annoy-*.whl \
    && pip install --no-cache-dir --require-hashes -r /tmp/requirements.txt \
    && pip install --no-cache-dir --no-deps --require-hashes -r /tmp/requirements-workers.txt \
    && pip install --no-cache-dir --no-deps /tmp/wheels/recsys_pipeline-*.whl
COPY --chown=airflow:0 dags /opt/recsys/dags
COPY --chown=airflow:0 plugins /opt/recsys/plugins
ENV OPENBLAS_NUM_THREADS=1 \
    RECSYS_ROOT=/opt/recsys/store \
    RECSYS_CONFIG=/opt/recsys/recsys.toml
