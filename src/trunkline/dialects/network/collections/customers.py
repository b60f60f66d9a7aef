"""`/v1/customers` and `/v1/sites`: the house's accounts and sites."""

from trunkline.dialects.network.collections.common import extensions, name, whole
from trunkline.dialects.network.resource import Association, Projection, Property, Resource, Search, Type, UseCases
from trunkline.domains.customers import service as customers

CUSTOMERS = Resource(
    path="customers",
    item="customer",
    title="Customers",
    description="A customer has users, sites and subscribers, and may have customers below it.",
    properties=whole(
        name("The customer's name.", "Acme Logistics"),
        Property(
            name="enabled",
            description="Whether the customer is served.",
            type=Type.BOOLEAN,
            projection=Projection.BRIEF,
            default=True,
            example=True,
        ),
        extensions(),
    ),
    associations=(
        Association(name="parent", target="customers", description="The customer that it is below of.", keeps=True),
        Association(
            name="children",
            target="customers",
            many=True,
            listed_by="parent_reference",
            read_only=True,
            description="The customers right below it.",
        ),
    ),
    searches=(Search(name="findByName", by="name"),),
    listing=customers.ACCOUNTS,
    deep_listing=customers.ACCOUNTS_DEEP,
    use_cases=UseCases(
        list=customers.list_accounts,
        find=customers.find_account,
        create=customers.create_account,
        change=customers.change_account,
        remove=customers.remove_account,
    ),
    draft=customers.AccountDraft,
    commands=("suspend", "resume"),
)

SITES = Resource(
    path="sites",
    item="site",
    title="Sites",
    description="A site is a place where a customer's equipment stands.",
    properties=whole(
        name("The site's name.", "Warehouse West"),
        Property(name="address", description="The postal address.", max_length=500, example="1 Harbour Road, Rotterdam"),
        Property(name="latitude", description="Degrees north.", type=Type.NUMBER, minimum=-90, maximum=90, example=51.9),
        Property(name="longitude", description="Degrees east.", type=Type.NUMBER, minimum=-180, maximum=180, example=4.5),
    ),
    associations=(
        Association(
            name="customer", target="customers", field="account", description="The customer whose site it is.", keeps=True
        ),
    ),
    searches=(Search(name="findByName", by="name"),),
    listing=customers.SITES,
    deep_listing=customers.SITES_DEEP,
    use_cases=UseCases(
        list=customers.list_sites,
        find=customers.find_site,
        create=customers.create_site,
        change=customers.change_site,
        remove=customers.remove_site,
    ),
    draft=customers.SiteDraft,
    commands=("createToken",),
)
