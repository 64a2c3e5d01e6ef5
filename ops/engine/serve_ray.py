"""The same server on many GPUs, by Ray Serve: serve_ray.py --replicas-max N [the options of ops/engine/run].

Ray starts a replica for each GPU as work comes, spreads requests over them and replaces those that fail. When a caller
goes, Ray cancels its request and the replica stops that job. Ray is not among the engine's requirements:
.venv-engine/bin/pip install 'ray[serve]==2.60.0'. /health and /metrics answer for one replica, whichever is asked.
"""

import argparse

from ray import serve
from starlette.applications import Starlette

from zimage_engine.server import make_engine
from zimage_engine.settings import Settings, parse

ONGOING_MAX = 4
"""Requests at one replica: the one that is drawn and those of its next batch. The queue itself stays in the service."""


@serve.ingress()
class Replica:
    """One engine on one GPU."""

    def __init__(self, settings: Settings) -> None:
        self._engine, self._worker = make_engine(settings)

    def __serve_build_asgi_app__(self) -> Starlette:
        return self._engine.app()

    def check_health(self) -> None:
        """Ray replaces a replica that raises here."""
        if self._worker.problem:
            raise RuntimeError(self._worker.problem)


def main() -> None:
    """Serves until it is told to stop."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--replicas-max", type=int, default=1)
    own, rest = parser.parse_known_args()
    settings = parse(rest)
    deployment = serve.deployment(
        Replica,
        max_ongoing_requests=ONGOING_MAX,
        ray_actor_options={"num_gpus": 0 if settings.device == "cpu" else 1},
        autoscaling_config={"min_replicas": 1, "max_replicas": own.replicas_max, "target_ongoing_requests": 2},
    )
    serve.start(http_options={"host": settings.host, "port": settings.port})
    serve.run(deployment.bind(settings), blocking=True)


if __name__ == "__main__":
    main()
