"""Associations: the objects behind a link, and `text/uri-list` to bind and unbind them (reference/expeto.md §7)."""

from collections.abc import Iterator
from typing import Any

from trunkline.dialects.network.answers import base_of, linked_answer, page_answer
from trunkline.dialects.network.bodies import Unfit, reference_of
from trunkline.dialects.network.collection import Collection
from trunkline.dialects.network.errors import BadRequest
from trunkline.dialects.network.hal import REPRESENTATIONS
from trunkline.dialects.network.links import segment
from trunkline.dialects.network.paging import EXACT, NOTHING, page_document, read_projection, read_query
from trunkline.dialects.network.preconditions import existing_of, guarded
from trunkline.dialects.network.resource import Association, Projection
from trunkline.dialects.network.roles import CHANGE, READ, scope
from trunkline.kit.errors import Forbidden, Invalid, NotFound, Violation
from trunkline.kit.http.answer import Answer
from trunkline.kit.http.body import check_media_type
from trunkline.kit.http.operation import Operation
from trunkline.kit.http.request import Request
from trunkline.kit.query import And, Compare, In, Operator

URI_LIST = "text/uri-list"


class Linked:
    """The operations of one association."""

    def __init__(self, collection: Collection, association: Association, target: Collection) -> None:
        self.collection = collection
        self.resource = collection.resource
        self.association = association
        self.target = target
        self.path = f"{collection.item_path}/{association.name}"

    def operations(self) -> Iterator[Operation]:
        """GET always; PUT, POST and DELETE where the association can be written."""
        declare, association = self.collection.operation, self.association
        one = self.resource.item[:1].upper() + self.resource.item[1:]
        name = one + association.name[:1].upper() + association.name[1:]
        what = f"the {association.name} of one of {self.resource.title.lower()}"
        if association.many:
            yield declare("GET", self.path, f"list{name}", f"List {what}", self.list, READ)
        else:
            yield declare("GET", self.path, f"get{name}", f"Read {what}", self.find, READ)
        if not association.writable or self.resource.use_cases.change is None:
            return
        bodies: dict[str, Any] = {"consumes": (URI_LIST,), "status": 204}
        yield declare("PUT", self.path, f"set{name}", f"Set {what}", self.replace, CHANGE, **bodies)
        if association.many:
            yield declare("POST", self.path, f"add{name}", f"Add to {what}", self.add, CHANGE, **bodies)
            member = f"{self.path}/{{member}}"
            yield declare("DELETE", member, f"remove{name}", f"Take one out of {what}", self.take, CHANGE, status=204)
        elif not association.required and not association.keeps:
            yield declare("DELETE", self.path, f"clear{name}", f"Unset {what}", self.clear, CHANGE, status=204)

    # reading -------------------------------------------------------------------------------------------------------------

    async def find(self, request: Request) -> Answer:
        self._open(request)
        item = await self._item(request)
        reference = getattr(item, self.association.reference)
        if reference is None:
            raise NotFound(f"{self.association.name} is not set")
        representation = REPRESENTATIONS[self.association.target]
        target = await self.target.resource.use_cases.find(request.work, reference)
        return linked_answer(request, representation, target, read_projection(request))

    async def list(self, request: Request) -> Answer:
        self._open(request)
        item = await self._item(request)
        query = read_query(request, self.target.names)
        page = await self.target.resource.use_cases.list(
            request.work,
            And((query.predicate, self._condition(item))),
            query.sort,
            query.window,
            EXACT,
            deep=query.projection is Projection.DEEP,
        )
        path = f"{self.resource.path}/{segment(str(getattr(item, self.resource.key)))}/{self.association.name}"
        representation = REPRESENTATIONS[self.association.target]
        document = page_document(representation, base_of(request), request.principal.scopes, query, page, path, search=False)
        return page_answer(request, self.target.resource, document)

    def _condition(self, item: Any) -> Any:
        reference = str(getattr(item, self.resource.key))
        if self.association.listed_by:
            return Compare(self.association.listed_by, Operator.EQUAL, reference)
        members = self._members(item)
        return In(self.target.resource.key, members) if members else NOTHING

    def _members(self, item: Any) -> tuple[str, ...]:
        return tuple(member.reference for member in getattr(item, self.association.members))

    def _open(self, request: Request) -> None:
        """Raise `Forbidden` unless the caller may read the target's collection."""
        needed = scope(self.association.target, READ)
        if needed not in request.principal.scopes:
            raise Forbidden(needs=needed)

    async def _item(self, request: Request) -> Any:
        return await self.resource.use_cases.find(request.work, request.path_parameters["id"])

    # writing -------------------------------------------------------------------------------------------------------------

    async def replace(self, request: Request) -> Answer:
        references = self._references(request)
        if self.association.many:
            return await self._set(request, references)
        if len(references) != 1:
            raise BadRequest("BadRequest", f"{self.association.name} takes one address, not {len(references)}")
        return await self._set(request, references[0])

    async def add(self, request: Request) -> Answer:
        references = self._references(request)
        members = self._members(await self._item(request))
        return await self._set(request, tuple(dict.fromkeys((*members, *references))))

    async def take(self, request: Request) -> Answer:
        member = request.path_parameters["member"]
        members = self._members(await self._item(request))
        if member not in members:
            raise NotFound(f"{member!r} is not among {self.association.name}")
        return await self._set(request, tuple(reference for reference in members if reference != member))

    async def clear(self, request: Request) -> Answer:
        return await self._set(request, None)

    async def _set(self, request: Request, value: Any) -> Answer:
        change, draft, reference = self.resource.use_cases.change, self.resource.draft, request.path_parameters["id"]
        assert change is not None
        assert draft is not None
        request.__dict__["resource"] = self.resource
        request.__dict__["sent"] = {self.association.name: value}
        existing, expected = await existing_of(request, self.resource, reference)
        if self.association.many:
            expected = existing.version  # the members that stay must still be the members
        written = draft(**{self.association.field: value})
        await guarded(
            request, self.resource, reference, expected, lambda version: change(request.work, reference, written, version)
        )
        return Answer(204)

    def _references(self, request: Request) -> tuple[str, ...]:
        """The ids in the body: an address a line, comments after `#` (RFC 2483, section 5)."""
        check_media_type(request.headers.get(b"content-type"), request.operation)
        try:
            lines = [line.strip() for line in request.body.decode().splitlines()]
        except UnicodeDecodeError:
            raise BadRequest("MessageNotReadable", "the body is not valid UTF-8") from None
        addresses = [line for line in lines if line and not line.startswith("#")]
        request.__dict__["resource"] = self.resource
        request.__dict__["sent"] = {self.association.name: addresses[0] if len(addresses) == 1 else addresses}
        try:
            return tuple(dict.fromkeys(reference_of(address, self.association.target) for address in addresses))
        except Unfit as error:
            raise Invalid([Violation(self.association.field, str(error))]) from None
