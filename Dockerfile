# syntax=docker/dockerfile:1
# The program alone, on a base without a shell, as a user without rights. It writes nothing to its file system when
# the database is PostgreSQL, so the container can be read-only.

ARG RUST_VERSION=1.95

FROM rust:${RUST_VERSION}-bookworm AS build
WORKDIR /build
COPY Cargo.toml Cargo.lock ./
COPY benches ./benches
COPY src ./src
# The registry and the compiled dependencies stay on the build machine, so that a change of ours compiles ours alone.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo build --release --locked --bin fanfare \
    && install -D target/release/fanfare /out/fanfare \
    # an empty folder for the embedded database, owned by the user below
    && install -d -o 65532 -g 65532 /out/data

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /out/fanfare /usr/local/bin/fanfare
COPY --from=build --chown=65532:65532 /out/data /data
ENV FANFARE_LISTEN=0.0.0.0:3000 \
    FANFARE_ADMIN_LISTEN=0.0.0.0:9090 \
    FANFARE_MODE=production \
    FANFARE_DATA_DIR=/data
USER 65532:65532
WORKDIR /data
EXPOSE 3000 9090
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=5s --start-period=30s --retries=3 CMD ["/usr/local/bin/fanfare", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/fanfare"]
CMD ["serve"]
