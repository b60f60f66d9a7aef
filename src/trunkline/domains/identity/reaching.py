"""What a user or a site token reaches (reference/expeto.md §3)."""

from uuid import UUID

from trunkline.domains.identity.model import Role
from trunkline.kit.principal import Reach


def reach_of_role(role: Role, account_id: UUID | None, customer_id: UUID | None, path: str | None) -> Reach | None:
    """The reach of a user with this role on an account whose path is `path`; `None` for the provider's own people."""
    if account_id is None or customer_id is None or path is None:
        return None
    if role is Role.CUSTOMER_MANAGER:
        return Reach(account_id, customer_id, "" if account_id == customer_id else path)
    return Reach(account_id, customer_id, path, own=True)
