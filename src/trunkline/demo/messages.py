"""The conversation of a case: who wrote what, and when the case moved on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from trunkline.demo.conversations import CUSTOMER_CONTACTS, MONITORING, SUPPORT_STAFF, THANKS, TOPICS

if TYPE_CHECKING:
    from trunkline.demo.cases import Case
    from trunkline.demo.draw import Draw

COLUMNS = ("id", "reference", "case_id", "customer_id", "type", "body", "sent_by", "created_at")

STATUS_WORDS = {
    "new": "New",
    "in_progress": "In progress",
    "pending_customer": "Pending customer",
    "pending_supplier": "Pending supplier",
    "resolved": "Resolved",
    "closed": "Closed",
    "cancelled": "Cancelled",
}
SYSTEM = "Trunkline"


@dataclass(slots=True)
class Message:
    """A message on its way into the database."""

    id: UUID
    case_id: UUID
    customer_id: UUID
    type: str
    body: str
    sent_by: str
    created_at: datetime
    reference: str = ""


def converse(draw: Draw, now: datetime, case: Case) -> None:
    """Write the case's messages; they also say when it was closed and last modified."""
    _Conversation(draw, now, case).hold()


class _Conversation:
    def __init__(self, draw: Draw, now: datetime, case: Case) -> None:
        self.draw, self.now, self.case = draw, now, case
        self.topic = TOPICS[case.subject]
        self.customer = f"{draw.one(CUSTOMER_CONTACTS)}@{case.service.domain}"
        self.support = draw.one(SUPPORT_STAFF)
        self.status = "new"
        # Everything before the resolution lies between the opening and this moment.
        self.end = case.resolved_at or now
        since = case.start_of_incident or case.created_at
        self.words = {"site": case.service.site_name, "service": case.service.name, "time": f"{since:%Y-%m-%d %H:%M}"}

    def hold(self) -> None:
        self._open()
        if self.case.status != "new":
            self._work()
        {
            "pending_customer": self._wait_for_customer,
            "pending_supplier": self._wait_for_supplier,
            "resolved": self._resolve,
            "closed": self._close,
            "cancelled": self._cancel,
        }.get(self.case.status, lambda: None)()
        self.case.modified_at = self.case.messages[-1].created_at
        self.case.version = len(self.case.messages)

    def _open(self) -> None:
        case = self.case
        if case.origin == "monitoring":
            self._say("system", MONITORING, SYSTEM, case.created_at)
            return
        opening = self.draw.one(self.topic.opening)
        self._say("customer", f"By phone: {opening}" if case.origin == "phone" else opening, self.customer, case.created_at)

    def _work(self) -> None:
        """Support takes the case and answers; often the customer replies."""
        draw = self.draw
        self._move("in_progress", self._at(0.02, 0.08))
        self._say("support", draw.one(self.topic.answer), self.support, self._at(0.1, 0.3))
        if draw.happens(0.6):
            self._say("customer", draw.one(self.topic.reply), self.customer, self._at(0.35, 0.55))

    def _wait_for_customer(self) -> None:
        at = self._at(0.6, 0.9)
        self._say("support", self.draw.one(self.topic.question), self.support, at)
        self._move("pending_customer", at + timedelta(seconds=2))

    def _wait_for_supplier(self) -> None:
        at = self._at(0.6, 0.9)
        self._say("support", self.draw.one(self.topic.supplier), self.support, at)
        self._move("pending_supplier", at + timedelta(seconds=2))

    def _resolve(self) -> None:
        resolved_at = self.end
        self._say(
            "support",
            self.draw.one(self.topic.resolution),
            self.support,
            resolved_at - timedelta(seconds=self.draw.whole(2, 90)),
        )
        self._move("resolved", resolved_at)

    def _close(self) -> None:
        case = self.case
        self._resolve()
        if self.draw.happens(0.45):
            at = self.draw.after(self.end, timedelta(minutes=20), timedelta(hours=30))
            self._say("customer", self.draw.one(THANKS), self.customer, at)
            case.closed_at = at + timedelta(seconds=self.draw.whole(20, 240))
            self._move("closed", case.closed_at)
        else:
            case.closed_at = self.end + timedelta(days=5)
            self._move("closed", case.closed_at, "Closed automatically: no answer within 5 days after the resolution.")

    def _cancel(self) -> None:
        case = self.case
        self._say("customer", self.draw.one(self.topic.withdrawal), self.customer, self.end)
        self._move("cancelled", self.end + timedelta(seconds=self.draw.whole(20, 600)))
        case.resolved_at = None

    def _at(self, earliest: float, latest: float) -> datetime:
        """A moment in that part of the time between the opening and the end."""
        share = earliest + self.draw.fraction() * (latest - earliest)
        return self.case.created_at + timedelta(seconds=int((self.end - self.case.created_at).total_seconds() * share))

    def _move(self, status: str, at: datetime, text: str = "") -> None:
        self._say("system", text or f"Status changed from {STATUS_WORDS[self.status]} to {STATUS_WORDS[status]}.", SYSTEM, at)
        self.status = status

    def _say(self, type_: str, text: str, sent_by: str, at: datetime) -> None:
        case = self.case
        body = text.format_map(self.words)
        case.messages.append(Message(self.draw.id(at), case.id, case.customer_id, type_, body, sent_by, at))
