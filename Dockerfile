# syntax=docker/dockerfile:1
FROM python:3.13-slim-trixie AS build
WORKDIR /src
RUN python -m venv /opt/billhook
# Install the dependencies first, so that their layer stays cached while only our code changes.
# Every file must have a hash of the lock file; setuptools is in it to build our own package.
COPY deploy/requirements.lock ./
RUN /opt/billhook/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY . .
RUN /opt/billhook/bin/pip install --no-cache-dir --no-deps --no-build-isolation . \
    && /opt/billhook/bin/pip uninstall --yes setuptools

FROM python:3.13-slim-trixie
RUN useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin billhook
COPY --from=build /opt/billhook /opt/billhook
ENV PATH=/opt/billhook/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    BILLHOOK_HOST=0.0.0.0 \
    BILLHOOK_PORT=8080 \
    BILLHOOK_LOG_FORMAT=json
WORKDIR /opt/billhook
USER billhook
EXPOSE 8080
# Every process runs from this image with its own command: see docker-compose.yml.
CMD ["python", "-m", "service"]
