"""A collection's own operations, made from its declaration: lists, objects, writing (reference/expeto.md §4, 6, 7)."""

from collections.abc import Iterator
from typing import Any

from trunkline.dialects.network.answers import (
    base_of,
    document_answer,
    item_answer,
    page_answer,
    profile_link,
    validators,
)
from trunkline.dialects.network.bodies import Body, Purpose, read_body
from trunkline.dialects.network.hal import FORMS, HAL, JSON, OFFERED, REPRESENTATIONS, link
from trunkline.dialects.network.links import VERSION
from trunkline.dialects.network.paging import EXACT, Names, equals, page_document, read_projection, read_query
from trunkline.dialects.network.patches import apply
from trunkline.dialects.network.preconditions import existing_of, guarded
from trunkline.dialects.network.resource import Projection, Resource, Search, pascal
from trunkline.dialects.network.roles import CHANGE, CREATE, READ, REMOVE, scope
from trunkline.kit.errors import Forbidden, Malformed, NotFound, Violation
from trunkline.kit.http.answer import Answer
from trunkline.kit.http.body import check_media_type
from trunkline.kit.http.decode import parse_json, parse_object
from trunkline.kit.http.operation import Handler, Operation
from trunkline.kit.http.request import Request
from trunkline.kit.query import Window

MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
BODIES = (JSON, HAL, FORMS)
PATCHES = (*BODIES, MERGE_PATCH, JSON_PATCH)


class Collection:
    """One resource's handlers. Every answer to a write is the object as it is then."""

    def __init__(self, resource: Resource) -> None:
        self.resource = resource
        self.names = Names(resource)
        self.path = f"{VERSION}/{resource.path}"
        self.item_path = f"{self.path}/{{id}}"

    # declaration ---------------------------------------------------------------------------------------------------------

    def operations(self) -> Iterator[Operation]:
        """Every operation that the resource's use cases allow."""
        resource, uses = self.resource, self.resource.use_cases
        many, one = pascal(resource.path), resource.item[:1].upper() + resource.item[1:]
        title = resource.title.lower()
        yield self.operation("GET", self.path, f"list{many}", f"List {title}", self.list, READ)
        yield self.operation("HEAD", self.path, f"head{many}", f"Where the profile of {title} is", self.head, READ, status=204)
        yield self.operation("OPTIONS", self.path, f"options{many}", f"What can be done with {title}", self.options, READ)
        if uses.create is not None:
            yield self.operation(
                "POST",
                self.path,
                f"create{one}",
                f"Create one of {title}, or change one",
                self.create,
                CREATE,
                CHANGE,
                status=201,
            )
        item = self.item_path
        yield self.operation("GET", item, f"get{one}", f"Read one of {title}", self.find, READ)
        yield self.operation("HEAD", item, f"head{one}", f"Whether one of {title} is there", self.head_item, READ, status=204)
        yield self.operation("OPTIONS", item, f"options{one}", f"What can be done with one of {title}", self.options_item, READ)
        if uses.change is not None:
            yield self.operation("PUT", item, f"replace{one}", f"Replace one of {title}", self.replace, CHANGE)
            yield self.operation("PATCH", item, f"change{one}", f"Change one of {title}", self.change, CHANGE, consumes=PATCHES)
            yield self.operation("POST", item, f"update{one}", f"Change one of {title}", self.update, CHANGE)
        if uses.remove is not None:
            yield self.operation("DELETE", item, f"delete{one}", f"Delete one of {title}", self.remove, REMOVE, status=204)
        if resource.searches:
            yield self.operation("GET", f"{self.path}/search", f"search{many}", f"The searches of {title}", self.searches, READ)
        for search in resource.searches:
            name = f"{search.name}{'' if search.name.lower().endswith(one.lower()) else f'Of{many}'}"
            yield self.operation(
                "GET", f"{self.path}/search/{search.name}", name, f"Find {title} by {search.by}", self.searching(search), READ
            )

    def operation(
        self, method: str, path: str, name: str, summary: str, handler: Handler, *verbs: str, status: int = 200, **declared: Any
    ) -> Operation:
        """An operation that any of the rights `verbs` opens."""
        scopes = tuple(scope(self.resource.path, verb) for verb in verbs)
        return Operation(
            method=method,
            path=path,
            handler=handler,
            name=name,
            summary=summary,
            description=self.resource.description,
            tag=self.resource.title,
            scopes=scopes,
            status=status,
            **{"produces": OFFERED, "consumes": BODIES, **declared},
        )

    # reading -------------------------------------------------------------------------------------------------------------

    async def list(self, request: Request) -> Answer:
        query = read_query(request, self.names)
        page = await self.resource.use_cases.list(
            request.work, query.predicate, query.sort, query.window, EXACT, deep=query.projection is Projection.DEEP
        )
        representation = REPRESENTATIONS[self.resource.path]
        document = page_document(representation, base_of(request), request.principal.scopes, query, page)
        return page_answer(request, self.resource, document)

    async def find(self, request: Request) -> Answer:
        uses = self.resource.use_cases
        find = uses.find if uses.glance is None or read_projection(request) is Projection.DEEP else uses.glance
        return self.answer(request, await find(request.work, request.path_parameters["id"]))

    def answer(self, request: Request, item: Any, status: int = 200) -> Answer:
        """One object in the projection that is asked for."""
        return item_answer(request, REPRESENTATIONS[self.resource.path], item, read_projection(request), status)

    async def head(self, request: Request) -> Answer:
        return Answer(204, headers=[profile_link(request, self.resource.path)])

    async def head_item(self, request: Request) -> Answer:
        item = await self.resource.use_cases.find(request.work, request.path_parameters["id"])
        return Answer(204, headers=[profile_link(request, self.resource.path), *validators(self.resource, item)])

    async def options(self, request: Request) -> Answer:
        allow = ["GET", "HEAD", "OPTIONS"]
        if self.resource.use_cases.create is not None and (self._may(request, CREATE) or self._may(request, CHANGE)):
            allow.append("POST")
        return Answer(200, headers=[("Allow", ", ".join(allow)), profile_link(request, self.resource.path)])

    async def options_item(self, request: Request) -> Answer:
        await self.resource.use_cases.find(request.work, request.path_parameters["id"])
        allow, headers = ["GET", "HEAD", "OPTIONS"], []
        if self.resource.use_cases.change is not None and self._may(request, CHANGE):
            allow += ["PATCH", "POST", "PUT"]
            headers = [("Accept-Patch", ", ".join((JSON, MERGE_PATCH, JSON_PATCH)))]
        if self.resource.use_cases.remove is not None and self._may(request, REMOVE):
            allow.append("DELETE")
        return Answer(200, headers=[("Allow", ", ".join(sorted(allow))), *headers, profile_link(request, self.resource.path)])

    def _may(self, request: Request, verb: str) -> bool:
        return scope(self.resource.path, verb) in request.principal.scopes

    async def searches(self, request: Request) -> Answer:
        base = f"{base_of(request)}{self.path}/search"
        links = {"self": link(base)}
        links |= {s.name: link(f"{base}/{s.name}{s.template}", templated=True) for s in self.resource.searches}
        return document_answer(request, {"_links": links})

    def searching(self, search: Search) -> Handler:
        """The handler of one search."""

        async def single(request: Request) -> Answer:
            predicate = equals(self.names, search.by, self._sought(request, search))
            found = await self.resource.use_cases.list(request.work, predicate, (), Window(0, 1), deep=True)
            if not found.items:
                raise NotFound("nothing was found")
            return self.answer(request, found.items[0])

        async def several(request: Request) -> Answer:
            self._sought(request, search)
            query = read_query(request, self.names)
            page = await self.resource.use_cases.list(
                request.work, query.predicate, query.sort, query.window, EXACT, deep=query.projection is Projection.DEEP
            )
            path = f"{self.resource.path}/search/{search.name}"
            document = page_document(
                REPRESENTATIONS[self.resource.path], base_of(request), request.principal.scopes, query, page, path, search=False
            )
            return page_answer(request, self.resource, document)

        return single if search.single else several

    @staticmethod
    def _sought(request: Request, search: Search) -> str:
        value = next((value for name, value in request.query if name == search.by), "")
        if not value.strip():
            raise Malformed([Violation(search.by, "is required")])
        return value

    # writing -------------------------------------------------------------------------------------------------------------

    def body(self, request: Request) -> Body:
        """The body's object, remembered for the errors. Raises `Malformed`, `UnsupportedMediaType`."""
        check_media_type(request.headers.get(b"content-type"), request.operation)
        body = parse_object(request.body)
        request.__dict__["resource"], request.__dict__["sent"] = self.resource, body
        return body

    async def create(self, request: Request) -> Answer:
        """Create; or, when the body's `id` names an object that the caller sees, change that one."""
        body, resource = self.body(request), self.resource
        reference = body.get("id")
        if isinstance(reference, str) and reference and resource.use_cases.change is not None:
            existing = await self._visible(request, reference)
            if existing is not None:
                if not self._may(request, CHANGE):
                    raise Forbidden(needs=scope(resource.path, CHANGE))
                return self.answer(request, await self._changed(request, reference, body, Purpose.CHANGE))
        if not self._may(request, CREATE):
            raise Forbidden(needs=scope(resource.path, CREATE))
        written = read_body(resource, body, Purpose.CREATE)
        draft = self._draft(request, written.fields, None)
        assert resource.use_cases.create is not None, "the operation is declared only with the use case"
        return self.answer(request, await resource.use_cases.create(request.work, draft, written.found), 201)

    async def _visible(self, request: Request, reference: str) -> Any:
        try:
            return await self.resource.use_cases.find(request.work, reference)
        except NotFound:
            return None

    async def replace(self, request: Request) -> Answer:
        body = self.body(request)
        item = await self._changed(request, request.path_parameters["id"], body, Purpose.REPLACE)
        return self.answer(request, item)

    async def update(self, request: Request) -> Answer:
        item = await self._changed(request, request.path_parameters["id"], self.body(request), Purpose.CHANGE)
        return self.answer(request, item)

    async def change(self, request: Request) -> Answer:
        reference = request.path_parameters["id"]
        if (request.header("content-type") or "").partition(";")[0].strip().lower() != JSON_PATCH:
            return await self.update(request)
        check_media_type(request.headers.get(b"content-type"), request.operation)
        patch = parse_json(request.body)
        existing, _ = await existing_of(request, self.resource, reference)
        before = REPRESENTATIONS[self.resource.path].plain(base_of(request), existing)
        after = apply(before, patch)
        body = {name: after.get(name) for name in {**before, **after} if name not in before or before[name] != after.get(name)}
        request.__dict__["resource"], request.__dict__["sent"] = self.resource, body
        item = await self._changed(request, reference, body, Purpose.EXACT)
        return self.answer(request, item)

    async def _changed(self, request: Request, reference: str, body: Body, purpose: Purpose) -> Any:
        resource, use_cases = self.resource, self.resource.use_cases
        existing, expected = await existing_of(request, resource, reference)
        written = read_body(resource, body, purpose, existing)
        draft = self._draft(request, written.fields, existing)
        if purpose is Purpose.EXACT or any(isinstance(value, dict) for value in written.fields.values()):
            expected = existing.version  # what was merged must still be what is stored
        change = use_cases.change
        assert change is not None, "the operation is declared only with the use case"
        return await guarded(
            request,
            resource,
            reference,
            expected,
            lambda version: change(request.work, reference, draft, version, written.found),
        )

    def _draft(self, request: Request, fields: dict[str, Any], existing: Any) -> Any:
        if self.resource.prepare is not None:
            self.resource.prepare(request, fields, existing)
        assert self.resource.draft is not None, "a collection that is written has a draft"
        return self.resource.draft(**fields)

    async def remove(self, request: Request) -> Answer:
        reference, remove = request.path_parameters["id"], self.resource.use_cases.remove
        assert remove is not None, "the operation is declared only with the use case"
        expected = None
        if request.header("if-match") is not None:
            _, expected = await existing_of(request, self.resource, reference)
        await guarded(request, self.resource, reference, expected, lambda version: remove(request.work, reference, version))
        return Answer(204)
