"""Invoices: one a month for each legal entity, in arrears, with a line for each service it had in that month."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Context, Decimal
from itertools import count
from typing import NamedTuple
from uuid import UUID

from trunkline.demo.accounts import Account
from trunkline.demo.countries import PRICE_OF_ONE_EURO
from trunkline.demo.draw import Draw
from trunkline.demo.services import Service
from trunkline.kit.money import round_amount

COLUMNS = (
    "id", "reference", "account_id", "customer_id", "number", "invoice_date", "due_date", "currency", "net_amount",
    "tax_amount", "total_amount", "status", "version", "created_at", "modified_at",
)  # fmt: skip
LINE_COLUMNS = (
    "id", "reference", "invoice_id", "customer_id", "position", "description", "quantity", "unit_price", "net_amount",
    "period_start", "period_end", "service_id", "order_reference", "order_name", "ready_for_service_date", "site_address",
)  # fmt: skip

MONTHS = 14
RUN_AT = time(0, 5)
DUE = timedelta(days=30)
DAY = timedelta(days=1)
ONE = Decimal(1)
FOUR_PLACES = Decimal("0.0001")
PRICE_LIST = Context(prec=3)  # prices have three significant digits in every currency


@dataclass(slots=True)
class Line:
    """An invoice line on its way into the database."""

    id: UUID
    invoice_id: UUID
    customer_id: UUID
    position: int
    description: str
    quantity: Decimal
    unit_price: Decimal
    net_amount: Decimal
    period_start: date | None
    period_end: date | None
    service_id: UUID
    order_reference: str
    order_name: str
    ready_for_service_date: date
    site_address: str
    reference: str = ""


@dataclass(slots=True)
class Invoice:
    """An invoice on its way into the database, with its lines."""

    id: UUID
    account_id: UUID
    customer_id: UUID
    number: str
    invoice_date: date
    due_date: date
    currency: str
    net_amount: Decimal
    tax_amount: Decimal
    total_amount: Decimal
    status: str
    created_at: datetime
    modified_at: datetime
    version: int
    lines: list[Line] = field(default_factory=list)
    reference: str = ""


@dataclass(slots=True)
class _Charge:
    """What one service costs, in the words and prices of its invoices."""

    service: Service
    since: date
    until: date
    monthly: Decimal
    setup: Decimal


class _Issue(NamedTuple):
    """What all lines of an invoice share."""

    invoice_id: UUID
    customer_id: UUID
    currency: str
    last_day: date
    month: str


# What a line bills: the charge, from when (never for a setup fee), how much of it, at what price.
_Part = tuple[_Charge, date | None, Decimal, Decimal]


class InvoiceMaker:
    """Bills month by month, so that numbers follow the calendar."""

    def __init__(self, draw: Draw, now: datetime, services: list[Service]) -> None:
        self.draw, self.now, self.today = draw, now, now.date()
        self.charges: dict[UUID, tuple[Account, list[_Charge]]] = {}
        for service in services:
            if service.ready_for_service_date is not None:
                entity = service.site.account.entity
                self.charges.setdefault(entity.id, (entity, []))[1].append(
                    _charge(service, service.ready_for_service_date, entity.currency)
                )
        self._issued: dict[UUID, int] = {}  # per customer

    def make(self) -> list[Invoice]:
        """All invoices of the last months, the oldest first."""
        invoices: list[Invoice] = []
        first = _months_before(self.today.replace(day=1), MONTHS - 1)
        numbers = count(1 + (first.month - 1) * len(self.charges))
        while first <= self.today:
            if first.month == 1:
                numbers = count(1)
            for position, (entity, charges) in enumerate(self.charges.values()):
                lines = self._lines(charges, _months_before(first, 1), first - DAY, entity.currency)
                if lines:
                    # The run of the month makes four a second. On the first of a month it may just be about to start.
                    created_at = min(datetime.combine(first, RUN_AT, UTC) + timedelta(seconds=position // 4), self.now)
                    invoices.append(self._invoice(entity, created_at, f"{first.year}-{next(numbers):06d}", lines))
            first = _months_before(first, -1)
        return invoices

    def _lines(self, charges: list[_Charge], start: date, end: date, currency: str) -> list[_Part]:
        """Whole months, parts of the first and the last, the setup fee with the first."""
        lines: list[_Part] = []
        for charge in charges:
            if charge.since > end or charge.until < start:
                continue
            began = charge.since >= start
            if began or charge.until < end:
                since = max(charge.since, start)
                days = Decimal((min(charge.until, end) - since).days + 1)
                lines.append((charge, since, (days / end.day).quantize(FOUR_PLACES), charge.monthly))
            else:
                lines.append((charge, start, ONE, charge.monthly))
            if began:
                lines.append((charge, None, ONE, charge.setup))
        return lines

    def _invoice(self, entity: Account, created_at: datetime, number: str, lines: list[_Part]) -> Invoice:
        draw, currency, invoice_date = self.draw, entity.currency, created_at.date()
        customer_id = entity.customer_id
        issued = self._issued.get(customer_id, 0)
        self._issued[customer_id] = issued + 1
        status, changed_at = self._status(issued, invoice_date, created_at)
        invoice_id = draw.id(created_at)
        last_day = invoice_date - DAY
        issue = _Issue(invoice_id, customer_id, currency, last_day, f"{last_day:%B %Y}")
        ids = draw.ids(created_at, len(lines))
        made = [_line(issue, position, id_, part) for position, (id_, part) in enumerate(zip(ids, lines, strict=True), 1)]
        net = sum((line.net_amount for line in made), Decimal(0))
        tax = round_amount(net * entity.place.tax, currency)
        return Invoice(
            id=invoice_id,
            account_id=entity.id,
            customer_id=customer_id,
            number=number,
            invoice_date=invoice_date,
            due_date=invoice_date + DUE,
            currency=currency,
            net_amount=net,
            tax_amount=tax,
            total_amount=net + tax,
            status=status,
            created_at=created_at,
            modified_at=changed_at,
            version=1 if status == "open" else 2,
            lines=made,
        )

    def _status(self, issued: int, invoice_date: date, created_at: datetime) -> tuple[str, datetime]:
        """Mostly paid; the newest are open, some of the last months' are overdue, one in sixty was cancelled."""
        draw, now = self.draw, self.now
        due_date = invoice_date + DUE
        if issued % 60 == 7:
            return "cancelled", draw.between(created_at, min(created_at + 6 * DAY, now))
        if due_date >= self.today:
            paid_early = issued % 6 == 0 and created_at < now - 10 * DAY
            return ("paid", draw.between(created_at + 4 * DAY, now)) if paid_early else ("open", created_at)
        if due_date >= self.today - 120 * DAY and issued % 8 == 5:
            return "overdue", min(datetime.combine(due_date + DAY, time(0, 15), UTC), now)
        return "paid", draw.between(created_at + 3 * DAY, min(created_at + DUE + 2 * DAY, now))


def _line(issue: _Issue, position: int, id_: UUID, part: _Part) -> Line:
    invoice_id, customer_id, currency, last_day, month = issue
    charge, since, quantity, price = part
    service = charge.service
    if since is None:
        until, description = None, f"{service.name}, installation"
    elif quantity is ONE:
        until, description = last_day, f"{service.name}, {month}"
    else:
        until = min(charge.until, last_day)
        description = f"{service.name}, {since.day} to {until.day} {month}"
    return Line(
        id=id_,
        invoice_id=invoice_id,
        customer_id=customer_id,
        position=position,
        description=description,
        quantity=quantity,
        unit_price=price,
        net_amount=price if quantity is ONE else round_amount(quantity * price, currency),
        period_start=since,
        period_end=until,
        service_id=service.id,
        order_reference=service.reference,
        order_name=service.name,
        ready_for_service_date=charge.since,
        site_address=service.site.one_line,
    )


def _charge(service: Service, since: date, currency: str) -> _Charge:
    product = service.product
    return _Charge(
        service, since, service.ceased_on or date.max, _price(product.monthly, currency), _price(product.setup, currency)
    )


def _price(euros: Decimal, currency: str) -> Decimal:
    return round_amount(PRICE_LIST.multiply(euros, PRICE_OF_ONE_EURO[currency]) if currency != "EUR" else euros, currency)


def _months_before(first: date, months: int) -> date:
    """The first day of the month so many months before; `first` is the first of its month."""
    index = first.year * 12 + first.month - 1 - months
    return date(index // 12, index % 12 + 1, 1)
