"""graphql-core's executor with one shortcut: a list whose items need nothing but attributes and loaded links is rendered at once.

The ordinary way costs some microseconds for every single value (a path, an info object, a resolver, a check for awaitables); a plan
is made once for each list of a request and costs a tenth of that. Whatever a plan cannot express (arguments, a refusal at one of the
fields) goes the ordinary way, with the same loaders. docs/decisions/0012-graphql.md has the measurement.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any

from graphql import GraphQLError, GraphQLNonNull, GraphQLObjectType
from graphql.execution import Executor

from trunkline.dialects.cases.loaders import Loaders
from trunkline.dialects.cases.types import LINKS, PLAIN, Getter, Link
from trunkline.kit.errors import Refusal

CHUNK = 250  # items that are rendered before others get a turn


@dataclass(frozen=True, slots=True)
class Plan:
    """How an object of one type is rendered for one selection: attributes, and links with the plan of what they lead to.

    `needs` are the permissions for links of which only the id is shown, so that nobody is asked for them.
    """

    entries: tuple[tuple[str, Getter | None, Link | None, "Plan | None"], ...]
    needs: frozenset[str] = frozenset()

    @property
    def linked(self) -> list[tuple[Link, "Plan"]]:
        return [(link, plan) for _, _, link, plan in self.entries if link is not None and plan is not None]

    async def prime(self, sources: Sequence[Any], loaders: Loaders) -> None:
        """Read everything that rendering `sources` needs: one statement for each link, however many there are. Raises `Forbidden`."""
        if sources:
            for permission in self.needs:
                loaders.work.require(permission)
        for link, plan in self.linked:
            keys = [link.key(source) for source in sources]
            if not link.loader:
                await plan.prime(keys, loaders)
                continue
            loader = loaders[link.loader]
            await loader.prime(keys)
            if plan.linked or plan.needs:
                values = [loader[key] for key in dict.fromkeys(keys)]
                found = [item for value in values for item in value] if link.many else [v for v in values if v is not None]
                await plan.prime(found, loaders)

    def render(self, source: Any, loaders: Loaders) -> dict[str, Any]:
        """What the selection shows of `source`."""
        shown: dict[str, Any] = {}
        for name, getter, link, plan in self.entries:
            if getter is not None:
                shown[name] = getter(source)
            elif link is not None and plan is not None:
                value = link.key(source)
                if link.loader:
                    value = loaders[link.loader][value]
                if link.many:
                    shown[name] = [plan.render(item, loaders) for item in value]
                else:
                    shown[name] = None if value is None else plan.render(value, loaders)
        return shown


async def rendered(plan: Plan, items: Sequence[Any], loaders: Loaders) -> list[dict[str, Any]]:
    """Objects as a plan shows them. Raises the `Refusal` of a link that is not the caller's to follow."""
    await plan.prime(items, loaders)
    shown: list[dict[str, Any]] = []
    for start in range(0, len(items), CHUNK):
        shown += [plan.render(item, loaders) for item in items[start : start + CHUNK]]
        if len(shown) < len(items):
            await asyncio.sleep(0)
    return shown


class PlanningExecutor(Executor[Any]):
    """Renders lists by plans where it can."""

    def complete_iterable_value(
        self, item_type: Any, field_details_list: Any, info: Any, path: Any, items: Any, position_context: Any
    ) -> Any:
        type_ = item_type.of_type if isinstance(item_type, GraphQLNonNull) else item_type
        plan = self._known_plan(type_, field_details_list, info.context.plans) if isinstance(type_, GraphQLObjectType) else None
        if plan is None:
            return super().complete_iterable_value(item_type, field_details_list, info, path, items, position_context)
        if not plan.linked and not plan.needs and len(items) <= CHUNK:
            return [plan.render(item, info.context.loaders) for item in items]

        async def render() -> Any:
            try:
                return await rendered(plan, items, info.context.loaders)
            except Refusal:  # at some field; the ordinary way says at which
                ordinary = super(PlanningExecutor, self).complete_iterable_value(
                    item_type, field_details_list, info, path, items, position_context
                )
                return await ordinary if isawaitable(ordinary) else ordinary

        return render()

    def _known_plan(self, type_: GraphQLObjectType, details: Any, plans: dict[Any, Any] | None) -> Plan | None:
        """The plan of a list's items, made once for each document where it is always the same."""
        if plans is None or len(details) != 1:
            try:
                return self.plan(type_, details)
            except GraphQLError:  # a directive that cannot be understood, perhaps where no item leads to
                return None
        key = id(details[0].node)  # the document lives as long as its plans
        if key not in plans:
            plans[key] = self.plan(type_, details)
        plan: Plan | None = plans[key]
        return plan

    def plan(self, type_: GraphQLObjectType, details: Any) -> Plan | None:
        """The plan of a selection on a type; `None` when the ordinary way must be gone."""
        plain, links = PLAIN.get(type_.name), LINKS.get(type_.name, {})
        if plain is None:
            return None
        entries: list[tuple[str, Getter | None, Link | None, Plan | None]] = []
        needs: set[str] = set()
        for response_name, field_details in self.collect_subfields(type_, details)[0].items():
            name = field_details[0].node.name.value
            if name == "__typename":
                entries.append((response_name, constant(type_.name), None, None))
            elif name in plain:
                entries.append((response_name, plain[name], None, None))
            elif name in links:
                entry = self._link(response_name, links[name], field_details)
                if entry is None:
                    return None
                entries.append(entry)
                if entry[1] is not None:
                    needs.add(links[name].needs)
            else:
                return None
        return Plan(tuple(entries), frozenset(needs))

    def _link(self, response_name: str, link: Link, details: Any) -> tuple[str, Getter | None, Link | None, Plan | None] | None:
        target = self.schema.type_map[link.target]
        assert isinstance(target, GraphQLObjectType), "links lead to objects"
        chosen = {name: found[0].node.name.value for name, found in self.collect_subfields(target, details)[0].items()}
        if link.identity and set(chosen.values()) <= {link.identity, "__typename"}:
            return response_name, _identity(link, chosen), None, None
        plan = self.plan(target, details)
        return None if plan is None else (response_name, None, link, plan)


def constant(value: str) -> Getter:
    """A getter that shows the same of everything."""
    return lambda _: value


def _identity(link: Link, chosen: dict[str, str]) -> Getter:
    """Shows a link of which only the id is asked for."""
    names = [name for name, field in chosen.items() if field == link.identity]
    fixed = {name: link.target for name, field in chosen.items() if field == "__typename"}

    def read(source: Any) -> dict[str, Any] | None:
        key = link.key(source)
        return None if key is None else {name: key if name in names else fixed[name] for name in chosen}

    return read
