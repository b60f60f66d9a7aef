"""`/v1/accounts` (the house's users) and API tokens."""

from typing import Any

from msgspec import UNSET

from trunkline.dialects.network.bodies import Unfit, text_of
from trunkline.dialects.network.collections.common import CUSTOMER, ID, name, whole
from trunkline.dialects.network.resource import Association, Projection, Property, Resource, Search, Type, UseCases
from trunkline.dialects.network.roles import HOUSE_ROLES, ROLES, Role
from trunkline.domains.identity import service as identity
from trunkline.kit.http.decode import describe
from trunkline.kit.http.request import Request

FEATURES = {identity.Feature.ADD_API_TOKEN.value: "addApiToken"}
MASKED_TOKEN = "************"  # noqa: S105 - what stands before a token's last four characters

# Words that other dialects' users have: they are no role here, and are said as the house says them.
ROLE_WORDS = {role.value: ROLES[role.value].value if role.value in ROLES else role.value.upper() for role in identity.Role}


def _read_role(value: Any) -> str:
    text = text_of(value).strip().upper()
    if text not in Role.__members__:
        raise Unfit(f"must be one of {', '.join(Role)}")
    return text


def _read_features(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise Unfit(f"must be a list, not {describe(value)}")
    houses = {wire: house for house, wire in FEATURES.items()}
    texts = [text_of(item) for item in value]
    if unknown := [text for text in texts if text not in houses]:
        raise Unfit(f"{unknown[0]!r} is not one of {', '.join(houses)}")
    return tuple(dict.fromkeys(houses[text] for text in texts))


def _show_features(_: str, value: Any) -> list[str]:
    return [FEATURES.get(feature, feature) for feature in value]


def _choose_role(request: Request, fields: dict[str, Any], existing: Any) -> None:
    """The house's role behind the wire's: a customer's people have other roles than the provider's own."""
    wire = fields.get("role")
    if wire is None:
        return
    role = Role(wire)
    if existing is not None and ROLES.get(existing.role) is role:
        del fields["role"]
        return
    of_customer = fields.get("account", UNSET)
    if of_customer is UNSET or (of_customer is None and existing is None):
        holder = existing if existing is not None else request.principal.reach
        of_customer = None if holder is None else holder.account_id
    house = HOUSE_ROLES[role][0 if of_customer is not None else 1]
    fields["role"] = identity.Role(house or HOUSE_ROLES[role][0])


ACCOUNTS = Resource(
    path="accounts",
    item="account",
    title="Accounts",
    description="An account is a person or a program that signs in.",
    properties=whole(
        Property(
            name="username",
            description="An e-mail address.",
            projection=Projection.BRIEF,
            required=True,
            min_length=1,
            max_length=100,
            example="operations@example.com",
        ),
        Property(
            name="role",
            description="What the account may do.",
            projection=Projection.BRIEF,
            required=True,
            words=ROLE_WORDS,
            read=_read_role,
            example="CUSTOMER_ADMIN",
        ),
        Property(
            name="password",
            description="At least 8 characters with a number, an upper-case letter and a special character. Never shown.",
            write_only=True,
            keeps=True,
            min_length=8,
            max_length=200,
        ),
        Property(
            name="features",
            description="What the provider has switched on for it.",
            type=Type.LIST,
            read=_read_features,
            show=_show_features,
            plain=False,
            example=["addApiToken"],
        ),
        Property(
            name="enabled",
            description="Whether it may sign in.",
            type=Type.BOOLEAN,
            field="active",
            projection=Projection.BRIEF,
            default=True,
            example=True,
        ),
        Property(
            name="lastLogin",
            description="When it last signed in.",
            type=Type.INSTANT,
            field="last_login_at",
            read_only=True,
            example="2026-03-02T10:00:00.000Z",
        ),
    ),
    associations=(CUSTOMER,),
    searches=(Search(name="findByUsername", by="username", single=True),),
    listing=identity.USERS,
    deep_listing=identity.USERS_DEEP,
    use_cases=UseCases(
        list=identity.list_users,
        find=identity.find_user,
        create=identity.create_user,
        change=identity.change_user,
        remove=identity.remove_user,
    ),
    draft=identity.UserDraft,
    commands=("createToken",),
    prepare=_choose_role,
)


def _token_properties(owner: Property) -> tuple[Property, ...]:
    return (
        ID,
        name("Chosen when it was made.", "exampleToken", max_length=100),
        owner,
        Property(
            name="token",
            description="The token; only its last four characters are shown.",
            field="last_four",
            projection=Projection.BRIEF,
            read_only=True,
            show=lambda _, value: f"{MASKED_TOKEN}{value}",
            plain=False,
            example="************f3Qa",
        ),
        Property(name="lastFour", description="Its last four characters.", read_only=True, example="f3Qa"),
        Property(
            name="created",
            description="When it was made.",
            type=Type.INSTANT,
            field="created_at",
            read_only=True,
            example="2026-03-02T10:00:00.000Z",
        ),
        Property(
            name="expires",
            description="When it ends.",
            type=Type.INSTANT,
            field="expires_at",
            projection=Projection.BRIEF,
            read_only=True,
            example="2027-03-02T10:00:00.000Z",
        ),
        Property(
            name="scopes",
            description="What it is narrowed to; null when it may do all that its role may.",
            type=Type.LIST,
            read_only=True,
            plain=False,
            example=["subs:read"],
        ),
    )


async def _list_account_tokens(*arguments: Any, deep: bool = False) -> Any:
    return await identity.list_account_tokens(*arguments, deep=True)


async def _list_site_tokens(*arguments: Any, deep: bool = False) -> Any:
    return await identity.list_site_tokens(*arguments, deep=True)


ACCOUNT_TOKENS = Resource(
    path="account-feature-api-tokens",
    item="accountFeatureApiToken",
    title="API tokens of accounts",
    description="A token that acts with an account's role. It is shown in full only once, by the command createToken.",
    properties=_token_properties(
        Property(name="account", description="The account's id.", field="user_reference", read_only=True, example="123456")
    ),
    associations=(
        Association(
            name="account", target="accounts", field="user", read_only=True, description="The account that it acts for."
        ),
    ),
    searches=(Search(name="findByName", by="name"),),
    listing=identity.ACCOUNT_TOKENS,
    deep_listing=identity.ACCOUNT_TOKENS_DEEP,
    use_cases=UseCases(list=_list_account_tokens, find=identity.find_account_token, remove=identity.remove_account_token),
)

SITE_TOKENS = Resource(
    path="api-tokens",
    item="apiToken",
    title="API tokens of sites",
    description="A token that acts for a site, with the rights of CUSTOMER_ADMIN. It can be refreshed.",
    properties=_token_properties(
        Property(name="site", description="The site's id.", field="site_reference", read_only=True, example="SIT-98000001")
    ),
    associations=(Association(name="site", target="sites", read_only=True, description="The site that it acts for."),),
    searches=(Search(name="findByName", by="name"),),
    listing=identity.SITE_TOKENS,
    deep_listing=identity.SITE_TOKENS_DEEP,
    use_cases=UseCases(list=_list_site_tokens, find=identity.find_site_token, remove=identity.remove_site_token),
    commands=("refreshToken",),
)
