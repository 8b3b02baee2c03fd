# syntax=docker/dockerfile:1

# The image of the gateway. See docs/deployment.md.
#   docker build -t aep-export-gateway .
#   docker build -t aep-export-gateway:emulator --build-arg WITH_EMULATOR=true .
ARG NODE=node:24-bookworm-slim

FROM ${NODE} AS build
ARG WITH_EMULATOR=false
WORKDIR /source
COPY . .
RUN --mount=type=cache,target=/npm-cache npm_config_cache=/npm-cache sh deploy/build-image.sh /image "${WITH_EMULATOR}"

FROM ${NODE}
ENV NODE_ENV=production HOST=0.0.0.0 PORT=4000
WORKDIR /app
COPY --from=build /image ./
# The user `node`, by number, so that Kubernetes can check that it is not root. Nothing in the image belongs to it.
USER 1000:1000
EXPOSE 4000
# The gateway writes no files, so the root file system can be read-only.
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/healthz`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Node is process 1: it receives SIGTERM itself, and the gateway then drains.
ENTRYPOINT ["node"]
CMD ["dist/main.js"]
