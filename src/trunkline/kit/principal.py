"""Who is calling and what they may reach. Every credential of every dialect resolves to one `Principal`."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from trunkline.kit.errors import Forbidden
from trunkline.kit.ids import NIL


class Environment(StrEnum):
    PRODUCTION = "production"
    SANDBOX = "sandbox"


class ActorType(StrEnum):
    API_CLIENT = "api_client"
    USER = "user"
    TOKEN = "token"  # noqa: S105 - a kind of actor
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Reach:
    """The accounts that a customer's credential sees: all of `customer_id` when `path` is empty, else what lies below `path`.

    `own`: only the account itself, nothing below it; `path` is then never empty.
    """

    account_id: UUID
    customer_id: UUID
    path: str = ""
    own: bool = False

    @property
    def path_end(self) -> str:
        """The first text after the paths that are reached.

        In code-point order '/' is followed by '0', and '!' stands before everything that a path below this one could go on with.
        """
        return f"{self.path}!" if self.own else self.path[:-1] + "0"


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller. `reach` is `None` for the operator's credentials, which see the whole tenant.

    `permissions` are the house's words (`cases.write`), made from a dialect's scopes or roles by the dialect (`*` is the system's own
    right to everything); `scopes` are the dialect's words, for its operations. `actor_id` names the credential (client id, user name)
    in events and in the audit; `credential_id` keys its throttle and replay guard.
    """

    tenant_id: UUID
    environment: Environment
    actor_type: ActorType
    actor_id: str
    credential_id: UUID
    permissions: frozenset[str]
    scopes: frozenset[str] = frozenset()
    reach: Reach | None = None
    display_name: str = ""

    def require(self, permission: str) -> None:
        """Raise `Forbidden` unless the caller holds `permission`."""
        if permission not in self.permissions and "*" not in self.permissions:
            raise Forbidden(f"{permission} is needed", needs=permission)


def system(tenant_id: UUID, environment: Environment, actor_id: str) -> Principal:
    """The house itself: the command line and work that no caller asked for."""
    return Principal(tenant_id, environment, ActorType.SYSTEM, actor_id, NIL, frozenset({"*"}), display_name="Trunkline")
