# MinIO from its source: its makers publish no images any more, and took the old ones away.
FROM golang:1.25.3-alpine3.22 AS build

ARG MINIO_RELEASE=RELEASE.2025-10-15T17-29-55Z
RUN apk add --no-cache git
WORKDIR /src
RUN git clone --quiet --depth 1 --branch ${MINIO_RELEASE} https://github.com/minio/minio . \
    && CGO_ENABLED=0 go build -trimpath -o /minio \
        -ldflags "-s -w -X github.com/minio/minio/cmd.ReleaseTag=${MINIO_RELEASE}"

FROM alpine:3.22.2

RUN adduser -D -u 1000 minio && install -d -o minio /data
COPY --from=build /minio /usr/local/bin/minio
USER minio
ENTRYPOINT ["minio"]
CMD ["server", "/data", "--address", ":9000"]
