"""Use cases of identity: the one module that others import from. Each part's own `service.py` says what it does."""

from datetime import datetime
from uuid import UUID

from trunkline.domains.identity.api_tokens.fields import ACCOUNT_TOKENS, ACCOUNT_TOKENS_DEEP, SITE_TOKENS, SITE_TOKENS_DEEP
from trunkline.domains.identity.api_tokens.model import (
    ApiToken,
    DeepApiToken,
    Refreshed,
    RefreshStatus,
    TokenCredential,
    TokenKind,
)
from trunkline.domains.identity.api_tokens.rules import TOKEN_LIFE
from trunkline.domains.identity.api_tokens.service import (
    create_account_token,
    create_site_token,
    find_account_token,
    find_site_token,
    list_account_tokens,
    list_site_tokens,
    refresh,
    remove_account_token,
    remove_expired_tokens,
    remove_site_token,
)
from trunkline.domains.identity.clients.access_tokens import AccessTokens, issue_token, issue_token_as_operator
from trunkline.domains.identity.clients.fields import API_CLIENTS
from trunkline.domains.identity.clients.model import ApiClient, Credential, IssuedToken
from trunkline.domains.identity.clients.service import create_client, find_client, list_clients, revoke_client, sweep_tokens
from trunkline.domains.identity.model import Feature, Role
from trunkline.domains.identity.network import NetworkCredentials
from trunkline.domains.identity.sessions.model import SessionCredential
from trunkline.domains.identity.sessions.rules import SESSION_IDLE, SESSION_LIFE
from trunkline.domains.identity.sessions.service import login, logout, sweep_login_failures, sweep_sessions
from trunkline.domains.identity.tenants import create_tenant
from trunkline.domains.identity.users.fields import USERS, USERS_DEEP
from trunkline.domains.identity.users.model import DeepUser, User, UserDraft
from trunkline.domains.identity.users.rules import role_permissions
from trunkline.domains.identity.users.service import change_user, create_user, find_user, list_users, remove_user
from trunkline.kit.db import Connection

__all__ = [
    "ACCOUNT_TOKENS", "ACCOUNT_TOKENS_DEEP", "API_CLIENTS", "SESSION_IDLE", "SESSION_LIFE", "SITE_TOKENS", "SITE_TOKENS_DEEP",
    "TOKEN_LIFE", "USERS", "USERS_DEEP", "AccessTokens", "ApiClient", "ApiToken", "Credential", "DeepApiToken", "DeepUser",
    "Feature", "IssuedToken", "NetworkCredentials", "RefreshStatus", "Refreshed", "Role", "SessionCredential",
    "TokenCredential", "TokenKind", "User", "UserDraft", "change_user", "create_account_token", "create_client",
    "create_site_token", "create_tenant", "create_user", "find_account_token", "find_client", "find_site_token", "find_user",
    "issue_token", "issue_token_as_operator", "list_account_tokens", "list_clients", "list_site_tokens", "list_users",
    "login", "logout", "refresh", "remove_account_token", "remove_expired_tokens", "remove_site_token", "remove_user",
    "revoke_client", "role_permissions", "sweep_credentials", "sweep_login_failures", "sweep_tokens",
]  # fmt: skip


async def sweep_credentials(connection: Connection, tenant_id: UUID, now: datetime, before: datetime) -> None:
    """Forget access tokens that expired before an instant, and sessions that have ended."""
    await sweep_tokens(connection, tenant_id, before)
    await sweep_sessions(connection, tenant_id, now)
