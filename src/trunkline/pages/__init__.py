"""Everything that is no dialect: health, metrics, the documentation pages. Ordinary Starlette."""

from collections.abc import Mapping, Sequence

from starlette.routing import BaseRoute

from trunkline.kit.http.dialect import Dialect
from trunkline.kit.principal import Environment
from trunkline.kit.realm import Realm
from trunkline.pages.docs import docs_routes
from trunkline.pages.health import health_routes


def routes(realms: Mapping[Environment, Realm], dialects: Sequence[Dialect], metrics_folder: str | None) -> list[BaseRoute]:
    """The routes behind the table of operations."""
    return [*health_routes(realms, metrics_folder), *docs_routes(dialects)]
