"""The numbers on a SIM card: IMSI, MSISDN, ICCID, as a card maker gives them out in batches."""

from collections.abc import Iterator
from itertools import count
from typing import NamedTuple

ICCID_ISSUER = "8988351"  # telecommunications, international network, a test issuer (ITU-T E.118)
MSISDN_PREFIX = "+8835100"  # an international network: no country's number


class Card(NamedTuple):
    """The numbers of one card."""

    imsi: str
    msisdn: str
    iccid: str


class CardMaker:
    """Gives out cards without end; no number comes twice. `serial` and `number` begin the ICCIDs' and MSISDNs' last digits."""

    def __init__(self, serial: int = 10_000_230_118, number: int = 20_000_417) -> None:
        self._imsi: dict[str, Iterator[int]] = {}
        self._number = count(number)
        self._serial = count(serial)

    def card(self, imsi_prefix: str) -> Card:
        """The next card of a network; consecutive ones have consecutive numbers, as those of a real batch do."""
        if imsi_prefix not in self._imsi:
            self._imsi[imsi_prefix] = count(2_340_101)
        subscriber = next(self._imsi[imsi_prefix])
        body = f"{ICCID_ISSUER}{next(self._serial)}"
        return Card(
            imsi=f"{imsi_prefix}{subscriber:0{15 - len(imsi_prefix)}}",
            msisdn=f"{MSISDN_PREFIX}{next(self._number)}",
            iccid=body + luhn(body),
        )


def luhn(digits: str) -> str:
    """The check digit that follows `digits` (ISO/IEC 7812-1)."""
    doubled = (int(digit) * (2 - place % 2) for place, digit in enumerate(reversed(digits)))
    return str(-sum(value // 10 + value % 10 for value in doubled) % 10)
