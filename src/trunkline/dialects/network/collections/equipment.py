"""What stands around subscribers: devices, radios, monitored endpoints, file transfers, notifications."""

from typing import Any

from trunkline.dialects.network.collections.common import CUSTOMER, description, kept_in, name, whole
from trunkline.dialects.network.resource import Association, Projection, Property, Resource, Search, Type
from trunkline.domains.connectivity.inventory import service as inventory

SITE = Association(name="site", target="sites", description="The site where it stands.")
PORT: dict[str, Any] = {"type": Type.INTEGER, "minimum": 1, "maximum": 65535}

DEVICES = Resource(
    path="devices",
    item="device",
    title="Devices",
    description="A device is what a SIM is in. Its id may be chosen.",
    properties=whole(
        Property(
            name="tac",
            description="Type allocation code: the first 8 digits of the IMEI.",
            projection=Projection.BRIEF,
            required=True,
            pattern=r"[0-9]{8}",
            min_length=8,
            max_length=8,
            example="35607009",
        ),
        Property(name="brandName", description="The maker.", max_length=255, example="SAMSUNG"),
        Property(
            name="modelName",
            description="The model.",
            projection=Projection.BRIEF,
            max_length=255,
            example="SM-G5323G/DS",
        ),
        Property(name="deviceType", description="The kind of device.", max_length=255, example="Smartphone"),
        Property(name="os", description="The operating system.", max_length=255, example="Android 6.0 Marshmallow"),
        Property(
            name="source",
            description="Where this is known from.",
            max_length=255,
            default="manual",
            example="manual",
        ),
    ),
    associations=(
        CUSTOMER,
        Association(
            name="subs",
            target="subs",
            many=True,
            listed_by="device_reference",
            read_only=True,
            description="The subscribers in it.",
        ),
    ),
    searches=(Search(name="findByTac", by="tac"),),
    **kept_in(inventory.DEVICES),
    chosen_id=True,
)

NOTIFICATIONS = Resource(
    path="notifications",
    item="notification",
    title="Notifications",
    description="A notification tells administrators what happened.",
    properties=whole(
        name("What it is about.", "System core-west is busy"),
        Property(
            name="type",
            description="The kind of notification.",
            words={"information": "Information", "alarm": "Alarm", "usage": "Usage", "maintenance": "Maintenance"},
            default="Information",
            example="Alarm",
        ),
        Property(
            name="severity",
            description="How grave it is.",
            projection=Projection.BRIEF,
            words={"info": "Info", "warning": "Warning", "critical": "Critical"},
            default="Info",
            example="Warning",
        ),
        Property(name="message", description="The text.", max_length=2000, example="More than 90 % of its sessions are taken."),
        Property(
            name="read",
            description="Whether somebody has read it.",
            type=Type.BOOLEAN,
            projection=Projection.BRIEF,
            default=False,
            example=False,
        ),
        Property(
            name="createdTimestamp",
            description="When it was made.",
            type=Type.INSTANT,
            field="created_at",
            read_only=True,
            example="2026-03-02T10:00:00.000Z",
        ),
    ),
    associations=(CUSTOMER,),
    searches=(Search(name="findByName", by="name"),),
    **kept_in(inventory.NOTIFICATIONS),
)

PRIVATE_RADIOS = Resource(
    path="private-radios",
    item="privateRadio",
    title="Private radios",
    description="A private radio is a cell of a private mobile network.",
    properties=whole(
        name("The radio's name.", "hall-3-north"),
        description("Under the roof, north end."),
        Property(name="serialNumber", description="The maker's number.", max_length=255, example="R2-0042"),
        Property(
            name="status",
            description="Where it is in its life.",
            projection=Projection.BRIEF,
            words={"planned": "Planned", "active": "Active", "inactive": "Inactive"},
            default="Planned",
            example="Active",
        ),
    ),
    associations=(CUSTOMER, SITE),
    searches=(Search(name="findByName", by="name"),),
    **kept_in(inventory.PRIVATE_RADIOS),
)

MONITORING_ENDPOINTS = Resource(
    path="monitoring-endpoints",
    item="monitoringEndpoint",
    title="Monitoring endpoints",
    description="A monitoring endpoint is an address whose reachability is watched.",
    properties=whole(
        name("The endpoint's name.", "gateway-west"),
        description("The gateway of the western sites."),
        Property(
            name="address",
            description="Host name or IP address.",
            projection=Projection.BRIEF,
            required=True,
            max_length=255,
            example="192.0.2.10",
        ),
        Property(name="port", description="TCP port.", example=443, **PORT),
        Property(
            name="enabled",
            description="Whether it is watched.",
            type=Type.BOOLEAN,
            projection=Projection.BRIEF,
            default=True,
            example=True,
        ),
    ),
    associations=(CUSTOMER, SITE),
    searches=(Search(name="findByName", by="name"),),
    **kept_in(inventory.MONITORING_ENDPOINTS),
)

SFTP_CONNECTIONS = Resource(
    path="sftp-connections",
    item="sftpConnection",
    title="SFTP connections",
    description="An SFTP connection is where files are fetched from or sent to.",
    properties=whole(
        name("The connection's name.", "usage-archive"),
        Property(
            name="host",
            description="Host name or IP address.",
            projection=Projection.BRIEF,
            required=True,
            max_length=255,
            example="192.0.2.20",
        ),
        Property(name="port", description="TCP port.", default=22, example=22, **PORT),
        Property(name="username", description="The user there.", required=True, max_length=255, example="archive"),
        Property(name="password", description="The password there. Never shown.", write_only=True, keeps=True, max_length=255),
        Property(name="path", description="The folder there.", max_length=1000, default="/", example="/usage"),
        Property(
            name="enabled",
            description="Whether it is used.",
            type=Type.BOOLEAN,
            projection=Projection.BRIEF,
            default=True,
            example=True,
        ),
    ),
    associations=(CUSTOMER,),
    searches=(Search(name="findByName", by="name"),),
    **kept_in(inventory.SFTP_CONNECTIONS),
)
