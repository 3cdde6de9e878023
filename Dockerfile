# The millrace program alone: no shell, no user database, not root.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w ${VERSION:+-X main.millraceVersion=${VERSION}}" -o /out/millrace ./cmd/millrace

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/millrace /millrace
USER 65532:65532
EXPOSE 8083
HEALTHCHECK --interval=5s --timeout=6s --retries=12 CMD ["/millrace", "health"]
ENTRYPOINT ["/millrace"]
# From /etc/millrace/worker.properties, CONNECT_* variables, or both.
CMD ["distributed"]
