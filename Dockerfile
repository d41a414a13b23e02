# docker build -t sgprobe . && docker run --rm -v "$PWD:/work" sgprobe run
FROM python:3.12-slim AS build
WORKDIR /src
COPY . .
RUN pip install --no-cache-dir build==1.2.2 && python -m build --wheel --outdir /dist .

FROM python:3.12-slim
RUN useradd --create-home --uid 10001 sgprobe
COPY --from=build /dist/*.whl /tmp/
RUN pip install --no-cache-dir /tmp/*.whl && rm /tmp/*.whl
USER 10001
WORKDIR /work
HEALTHCHECK --interval=60s --timeout=20s CMD ["sgprobe", "doctor"]
ENTRYPOINT ["sgprobe"]
CMD ["run"]
