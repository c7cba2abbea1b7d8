# The grader in an image; docs/instructors.md says how to run it. In the root of the repository:
#
#     docker build -f docs/grader.Dockerfile -t minicnn-grader .
#
# In two stages: the repository holds the solutions, and none of it but the wheel gets into the image.
ARG BASE=python:3.12-slim

FROM ${BASE} AS build
COPY . /minicnn
RUN pip wheel --no-deps --wheel-dir /wheels /minicnn

FROM ${BASE}
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir /wheels/*.whl && useradd --create-home grader
USER grader
ENTRYPOINT ["minicnn", "grade"]
