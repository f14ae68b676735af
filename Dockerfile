# The handlers as a container: `docker build -t serinus:0.1.0 .`
# The load tester as another: `docker build --target loadtester -t serinus-loadtester:0.1.0 .`
# Both run without root, with a read-only root file system, and listen on $PORT (8080).
ARG PYTHON=3.13
FROM python:${PYTHON}-slim AS build
# Where the apps are, here and in both images.
ARG APP=/opt/serinus
# The whole file system of the handlers' image, as it is made here.
ARG ROOT=/rootfs
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY handlers handlers
RUN pip wheel --no-cache-dir --no-deps --wheel-dir wheels .
# With what sends traces, which is loaded only when OpenTelemetry's variables are set.
RUN python -m venv --without-pip "$APP" \
 && pip --python "$APP/bin/python" install --no-cache-dir --no-compile "$(ls wheels/serinus-*.whl)[otel]" \
 && find "$APP/bin" -type f ! -name serinus ! -name gunicorn -delete
# The asynchronous half of the Kubernetes client, 68 MB: nothing here imports it.
RUN rm -r "$APP"/lib/python3.*/site-packages/kubernetes/aio
# Compiled ahead, for a start takes three times as long otherwise and nothing can be written later. By hash, so that it
# stays valid when a tool resets the times of files.
RUN python -m compileall -q -j 0 --invalidation-mode unchecked-hash "$APP"
# The handlers run no other program, so their image has none that somebody who gets in could use: the interpreter, its
# standard library without what is for developers, and the shared libraries that both name, which ldd knows; libgcc_s
# is named by nobody, and loaded by glibc when a thread ends.
RUN mkdir -p "$ROOT/etc/ssl" "$ROOT$APP" && install -d -m 1777 "$ROOT/tmp" \
 && python=$(readlink -f "$APP/bin/python") \
 && lib=$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))') \
 && cp -a "$APP/." "$ROOT$APP" && ln -sf "$python" "$ROOT$APP/bin/python" && cp --parents "$python" "$ROOT" \
 && tar -C / --exclude=__pycache__ --exclude='*-packages' --exclude='config-*' --exclude=test --exclude=tests \
      --exclude=ensurepip --exclude=idlelib --exclude=lib2to3 --exclude=tkinter --exclude='_tkinter*' --exclude=turtledemo \
      -cf - "${lib#/}" | tar -C "$ROOT" -xf - \
 && python -m compileall -q -j 0 --invalidation-mode unchecked-hash -s "$ROOT" -p / "$ROOT$lib" \
 && find "$ROOT$lib" "$ROOT$APP/lib" -type f -perm /111 -exec chmod a-x {} + \
 && { echo "$python"; find "$ROOT$lib" "$APP" -type f -name '*.so*'; } | xargs ldd \
    | awk '$2 == "=>" && $3 ~ /^\// {print $3} NF == 2 && $1 ~ /^\// {print $1}' | sort -u | xargs cp -L --parents -t "$ROOT" \
 && cp -L --parents /lib/*-linux-gnu*/libgcc_s.so.1 "$ROOT" \
 && cp "$("$APP/bin/python" -m certifi)" "$ROOT/etc/ssl/cert.pem" \
 && echo 'hosts: files dns' > "$ROOT/etc/nsswitch.conf" \
 && echo 'serinus:x:65532:65532::/:/nologin' > "$ROOT/etc/passwd" && echo 'serinus:x:65532:' > "$ROOT/etc/group"

# Runs the commands that webhooks bring, so it has a shell, and all else that the base image has.
FROM python:${PYTHON}-slim AS loadtester
LABEL org.opencontainers.image.title="Serinus load tester" \
      org.opencontainers.image.licenses="Apache-2.0"
# The base image has no compiled standard library.
RUN python -m compileall -q -j 0 --invalidation-mode unchecked-hash -x site-packages /usr/local/lib/python3.*
COPY --from=build /opt/serinus /opt/serinus
ENV PATH=/opt/serinus/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PORT=8080
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["gunicorn", "-c", "python:handlers.serving"]
CMD ["handlers.loadtest:create_app()"]

FROM scratch AS handlers
LABEL org.opencontainers.image.title="Serinus" \
      org.opencontainers.image.description="Canary deployments for Kubernetes, driven by events" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /rootfs /
ENV PATH=/opt/serinus/bin \
    SSL_CERT_FILE=/etc/ssl/cert.pem \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PORT=8080
# Fails here and not in a cluster when something is missing.
RUN ["python", "-c", "import handlers.app, handlers.adapters.kubernetes, handlers.adapters.prometheus, handlers.adapters.tracing"]
USER 65532:65532
EXPOSE 8080
# How it serves is in handlers/serving.py. gunicorn binds to $PORT by itself.
ENTRYPOINT ["gunicorn", "-c", "python:handlers.serving"]
CMD ["handlers.app:create_app()"]
