"""Where settings become what webhooks are made with: for the Customer API, the worker and the command line."""

from trunkline.dialects.bases import Bases
from trunkline.dialects.customer.webhooks import CustomerPresenter
from trunkline.domains.webhooks.model import PresenterOf
from trunkline.domains.webhooks.service import UrlPolicy
from trunkline.kit.outbound.addresses import Allowed
from trunkline.settings import Profile, Settings


def bases_of(settings: Settings) -> Bases:
    """What links begin with, in answers and in webhooks."""
    https = settings.profile is Profile.PRODUCTION and settings.tls_certificate is not None
    return Bases(settings.public_url, settings.host, settings.port, https=https)


def presenter_of(settings: Settings) -> PresenterOf:
    """How events are shown to webhooks, by environment."""
    bases = bases_of(settings)
    return lambda environment: CustomerPresenter(bases.without_request(environment))


def allowed_of(settings: Settings) -> Allowed:
    """Which addresses deliveries may reach."""
    return Allowed(settings.webhook_networks)


def policy_of(settings: Settings) -> UrlPolicy:
    """What an endpoint's address must be like."""
    return UrlPolicy(https_only=settings.profile is Profile.PRODUCTION, allowed=allowed_of(settings))
