# One image for migrate, api, worker and the operator verbs: docker run ovia api

FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
COPY . .
# Queries are checked against the committed .sqlx: no database is needed.
ENV SQLX_OFFLINE=true
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --locked --release --package ovia-cli --bin ovia \
    && cp target/release/ovia /usr/local/bin/ovia

FROM debian:bookworm-slim
# Certificates, for sources and engines behind TLS. The version is the distribution's current one: these are meant to be up to date.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin ovia
COPY --from=build /usr/local/bin/ovia /usr/local/bin/ovia
USER 10001
ENV OVIA_LOG_FORMAT=json
# The API, and the worker's metrics.
EXPOSE 8080 9464
ENTRYPOINT ["ovia"]
CMD ["--help"]
