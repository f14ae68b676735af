# The handlers as a container: `docker build -t serinus:0.1.0 .`
# Runs without root, with a read-only root file system, and listens on $PORT (8080).
ARG PYTHON=3.13
FROM python:${PYTHON}-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY handlers handlers
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .
RUN python -m venv --without-pip /opt/serinus \
 && pip --python /opt/serinus/bin/python install --no-cache-dir --no-compile /wheels/*.whl
# The asynchronous half of the Kubernetes client, 68 MB: nothing here imports it.
RUN rm -r /opt/serinus/lib/python3.*/site-packages/kubernetes/aio
# Compiled ahead, for a start takes three times as long otherwise and nothing can be written later. By hash, so that it
# stays valid when a tool resets the times of files.
RUN python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/serinus

FROM python:${PYTHON}-slim
LABEL org.opencontainers.image.title="Serinus" \
      org.opencontainers.image.description="Canary deployments for Kubernetes, driven by events" \
      org.opencontainers.image.licenses="Apache-2.0"
# The base image has no compiled standard library.
RUN python -m compileall -q -j 0 --invalidation-mode unchecked-hash -x site-packages /usr/local/lib/python3.*
COPY --from=build /opt/serinus /opt/serinus
ENV PATH=/opt/serinus/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PORT=8080
# Fails here and not in a cluster when something is missing.
RUN ["python", "-c", "import handlers.app, handlers.adapters.kubernetes, handlers.adapters.prometheus"]
USER 65532:65532
EXPOSE 8080
# One process: its threads share connections and what they know of tokens. gunicorn binds to $PORT by itself.
# A thread's request is not bounded by --timeout; the handlers bound every call that they make.
ENTRYPOINT ["gunicorn", "--worker-class=gthread", "--workers=1", "--threads=8", "--timeout=60", \
            "--graceful-timeout=25", "--keep-alive=75", "--no-control-socket", "--worker-tmp-dir=/dev/shm", \
            "--access-logfile=-"]
# The load tester is in the same image: give it `handlers.loadtest:create_app()` as its arguments (in a pod: `args`).
CMD ["handlers.app:create_app()"]
