"""The words that all of identity shares."""

from enum import StrEnum


class Role(StrEnum):
    """What a person is in the house. Roles that begin with `customer` belong to a customer's account.

    A `customer_manager` sees the account and all below it, the other two only the account itself.
    """

    ADMINISTRATOR = "administrator"
    SUPPORT = "support"
    FINANCE = "finance"
    NETWORK = "network"
    FIELD = "field"
    READER = "reader"
    CUSTOMER_MANAGER = "customer_manager"
    CUSTOMER_ADMINISTRATOR = "customer_administrator"
    CUSTOMER_READER = "customer_reader"

    @property
    def is_customers(self) -> bool:
        """Whether the role belongs to an account."""
        return self.startswith("customer")


class Feature(StrEnum):
    """What a user may be given beside the role; only the provider's own people switch one on."""

    ADD_API_TOKEN = "add_api_token"  # noqa: S105 - a feature's name
