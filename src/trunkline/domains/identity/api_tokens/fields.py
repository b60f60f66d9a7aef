"""What API tokens can be filtered and sorted by. Users' tokens and sites' are two lists."""

from trunkline.domains.identity.api_tokens.model import ApiToken, DeepApiToken, TokenKind
from trunkline.kit.query import Field, Kind, Listing, Reachable

SOURCE = (
    "api_tokens t LEFT JOIN users u ON u.tenant_id = t.tenant_id AND u.id = t.user_id "
    "LEFT JOIN sites s ON s.tenant_id = t.tenant_id AND s.id = t.site_id "
    "LEFT JOIN accounts a ON a.tenant_id = t.tenant_id AND a.id = t.account_id"
)
COLUMNS = (
    "t.id", "t.reference", "t.version", "t.account_id", "t.customer_id", "t.kind", "t.name", "t.user_id", "t.site_id", "t.last_four",
    "t.scopes", "t.is_refresh", "t.created_at", "t.modified_at", "t.expires_at", "t.activated_at", "t.refreshed_at",
)  # fmt: skip
DEEP_COLUMNS = (*COLUMNS, "u.reference", "u.username", "s.reference", "s.name", "a.reference", "a.name")
FIELDS = (
    Field("reference", "t.reference", Kind.REFERENCE),
    Field("name", "t.name", Kind.TEXT),
    Field("last_four", "t.last_four", Kind.WORD),
    Field("user_reference", "u.reference", Kind.REFERENCE, nullable=True),
    Field("site_reference", "s.reference", Kind.REFERENCE, nullable=True),
    Field("account_reference", "a.reference", Kind.REFERENCE, nullable=True),
    Field("created_at", "t.created_at", Kind.INSTANT),
    Field("modified_at", "t.modified_at", Kind.INSTANT),
    Field("expires_at", "t.expires_at", Kind.INSTANT),
    Field("activated_at", "t.activated_at", Kind.INSTANT, nullable=True),
    Field("refreshed_at", "t.refreshed_at", Kind.INSTANT, nullable=True),
)
REACH = Reachable(customer="t.customer_id", account="t.account_id")


def _listing(kind: TokenKind) -> Listing[ApiToken]:
    return Listing(
        name=f"{kind}_tokens", model=ApiToken, table="t", source=SOURCE, columns=COLUMNS, fields=FIELDS, reach=REACH,
        collections=(f"{kind}_tokens",), condition=f"t.kind = '{kind}' AND t.revoked_at IS NULL",
    )  # fmt: skip


def _deep_listing(kind: TokenKind) -> Listing[DeepApiToken]:
    return Listing(
        name=f"{kind}_tokens_deep", model=DeepApiToken, table="t", source=SOURCE, columns=DEEP_COLUMNS, fields=FIELDS, reach=REACH,
        collections=(f"{kind}_tokens",), condition=f"t.kind = '{kind}' AND t.revoked_at IS NULL",
    )  # fmt: skip


ACCOUNT_TOKENS = _listing(TokenKind.ACCOUNT)
ACCOUNT_TOKENS_DEEP = _deep_listing(TokenKind.ACCOUNT)
SITE_TOKENS = _listing(TokenKind.SITE)
SITE_TOKENS_DEEP = _deep_listing(TokenKind.SITE)
