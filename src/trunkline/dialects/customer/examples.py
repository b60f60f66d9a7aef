"""The examples of the document: one believable story (reference/expereo.md §8). A test holds each against its schema."""

import json
from typing import Any

HOST = "https://api.provider.example"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def one(data: dict[str, Any], path: str) -> dict[str, Any]:
    """A single resource as it is answered."""
    return {"data": data, "links": {"self": f"{HOST}{path}"}}


def page(data: dict[str, Any], path: str, sort: str = "") -> dict[str, Any]:
    """A list's only page as it is answered."""
    query = "page%5Boffset%5D=0&page%5Blimit%5D=25" + (f"&sort={sort}" if sort else "")
    return {
        "data": [data],
        "metadata": {"offset": 0, "limit": 25, "hasMore": False, "total": 1, "sort": [sort] if sort else []},
        "links": {"self": f"{HOST}{path}?{query}", "next": None, "previous": None},
    }


def problem(status: int, title: str, type_: str, instance: str, **members: Any) -> dict[str, Any]:
    """An error as it is answered."""
    return {"type": type_, "title": title, "status": status, "instance": instance, **members, "traceId": TRACE}


def invalid(instance: str, **errors: list[str]) -> dict[str, Any]:
    """A validation failure."""
    type_ = "https://tools.ietf.org/html/rfc4918#section-11.2"
    return problem(422, "Validation Failure", type_, instance, errors=errors)


_account = {
    "accountId": "ACC-98000001",
    "name": "ACME Corporation",
    "legalName": "ACME Corporation B.V.",
    "parentAccountId": None,
    "country": "Netherlands",
    "currency": "EUR",
    "createdDate": "2025-11-03T09:00:00Z",
    "lastModifiedDate": "2026-01-08T13:40:52Z",
}
_site = {
    "siteId": "SIT-98000112",
    "name": "Lyon DC",
    "city": "Lyon",
    "country": "France",
    "accountId": "ACC-98000001",
    "address": "12 Rue de la République",
    "postalCode": "69002",
    "stateProvince": None,
    "countryCode": "FR",
    "latitude": 45.7578,
    "longitude": 4.832,
    "timeZone": "Europe/Paris",
    "createdDate": "2025-11-18T10:22:05Z",
    "lastModifiedDate": "2025-11-18T10:22:05Z",
}
_service = {
    "serviceId": "SVC-98000417",
    "serviceName": "Global Internet 200/100",
    "status": "RFS",
    "plannedDeliveryDate": "2026-01-10",
    "readyForServiceDate": "2026-01-12",
    "technicalNote": "CPE in rack 4",
    "accountId": "ACC-98000001",
    "siteId": "SIT-98000112",
    "siteName": "Lyon DC",
    "productName": "Managed Internet",
    "accessType": "Fibre",
    "downloadKbps": 200000,
    "uploadKbps": 100000,
    "customerReference": None,
    "createdDate": "2025-11-20T08:00:00Z",
    "lastModifiedDate": "2026-01-12T15:02:11Z",
}
_case = {
    "caseId": "CAS-98002231",
    "subject": "ServiceDown",
    "type": "Incident",
    "priority": "P1",
    "status": "New",
    "origin": "Api",
    "createdDate": "2026-03-02T06:14:09Z",
    "lastModifiedDate": "2026-03-02T06:14:09Z",
    "customerReference": "NOC-7781",
    "startOfIncident": "2026-03-02T06:10:00Z",
    "endOfIncident": None,
    "accountId": "ACC-98000001",
    "siteId": "SIT-98000112",
    "serviceId": "SVC-98000417",
    "resolvedDate": None,
    "closedDate": None,
}
_message = {
    "messageId": "MSG-98004310",
    "caseId": "CAS-98002231",
    "message": "Power is fine on our side.",
    "type": "Customer",
    "timestamp": "2026-03-02T06:31:40Z",
    "sentBy": "noc@acme.example",
}
_invoice = {
    "invoiceId": "INV-98000077",
    "accountId": "ACC-98000001",
    "invoiceReference": "2026-000412",
    "invoiceDate": "2026-03-01",
    "dueDate": "2026-03-31",
    "invoiceCurrency": "EUR",
    "netAmount": 1240.0,
    "taxAmount": 260.4,
    "totalAmount": 1500.4,
    "status": "Open",
}
_line = {
    "invoiceLineId": "INL-98000231",
    "invoiceId": "INV-98000077",
    "invoiceReference": "2026-000412",
    "invoiceDate": "2026-03-01",
    "invoiceCurrency": "EUR",
    "description": "Global Internet 200/100, February 2026",
    "quantity": 1.0,
    "unitPrice": 620.0,
    "sumInvoiceLineInvoiceCurrencyAmount": 620.0,
    "periodStart": "2026-02-01",
    "periodEnd": "2026-02-28",
    "orderIDExpereo": "SVC-98000417",
    "orderName": "Global Internet 200/100",
    "orderRFSDate": "2026-01-12",
    "siteAddress": "12 Rue de la République, 69002 Lyon, France",
}
_client = {
    "clientId": "00001q6zs9a0v3k7m2x4c8d5ef",
    "apiClientName": "reporting",
    "scopes": ["BasicRead", "SupportRead"],
    "createdDate": "2026-03-02T10:00:00Z",
    "lastUsedDate": None,
}

TOKEN: dict[str, Any] = {
    "request": {
        "grant_type": "client_credentials",
        "client_id": "00001q6zs9a0v3k7m2x4c8d5ef",
        "client_secret": "Yb3kQ9mX2vR7tN5wZ8cJ4hL6pD1sF0gA3eU9iO2yT5rW8qE1kM7",
        "scope": "customerapi/basic.read customerapi/support.read",
    },
    "response": {
        "access_token": "tlat_00001mQ0rV8kZ2wX7nB4tJ9cL6hD3sF1gAyU5iO8pE2aT3bC9dq4",
        "token_type": "Bearer",
        "expires_in": 3600,
    },
    "400": {"error": "invalid_scope", "error_description": "the client does not hold customerapi/billing.read"},
    "401": {"error": "invalid_client", "error_description": "the client is unknown or its secret is wrong"},
}

ACCOUNTS = {"response": page(_account, "/v2/accounts", "AccountId")}
ACCOUNT = {"response": one(_account, "/v2/accounts/ACC-98000001")}
ACCOUNT_SITES = {"response": page(_site, "/v2/accounts/ACC-98000001/sites", "Name")}
ACCOUNT_SERVICES = {"response": page(_service, "/v2/accounts/ACC-98000001/services", "-ReadyForServiceDate")}
SITES = {"response": page(_site, "/v2/sites")}
SITE = {"response": one(_site, "/v2/sites/SIT-98000112")}
SITE_SERVICES = {"response": page(_service, "/v2/sites/SIT-98000112/services")}
SERVICES = {"response": page(_service, "/v2/services", "ServiceId")}
SERVICE = {"response": one(_service, "/v2/services/SVC-98000417")}
CASES = {"response": page(_case, "/v2/cases", "LastModifiedDate")}
CASE = {"response": one(_case, "/v2/cases/CAS-98002231")}
NEW_CASE = {
    "request": {
        "type": "Incident",
        "subject": "ServiceDown",
        "serviceId": "SVC-98000417",
        "priority": "P1",
        "message": "Line down since 06:10 UTC.",
        "startOfIncident": "2026-03-02T06:10:00Z",
        "endOfIncident": None,
        "customerReference": "NOC-7781",
        "sentBy": "noc@acme.example",
    },
    "response": one(_case, "/v2/cases/CAS-98002231"),
    "422": invalid(
        "/v2/cases",
        priority=["P1 is not allowed for type NonIncident; use P3, P4 or P5"],
        serviceId=["SVC-1 was not found"],
    ),
}
CASE_CHANGE = {
    "request": {"customerReference": "NOC-7781/2", "endOfIncident": "2026-03-02T07:55:00Z"},
    "response": one(
        _case
        | {
            "customerReference": "NOC-7781/2",
            "endOfIncident": "2026-03-02T07:55:00Z",
            "status": "InProgress",
            "lastModifiedDate": "2026-03-02T08:01:30Z",
        },
        "/v2/cases/CAS-98002231",
    ),
    "422": invalid("/v2/cases/CAS-98002231", status=["cannot go from New to Closed"]),
}
CASE_MESSAGES = {"response": page(_message, "/v2/cases/CAS-98002231/case-messages", "Timestamp")}
NEW_CASE_MESSAGE = {
    "request": {"message": "Power is fine on our side.", "sentBy": "noc@acme.example"},
    "response": one(_message, "/v2/cases/CAS-98002231/case-messages"),
    "422": invalid("/v2/cases/CAS-98002231/case-messages", message=["must have at least 1 characters"]),
}
INVOICES = {"response": page(_invoice, "/v2/invoices", "-InvoiceDate")}
INVOICE = {"response": one(_invoice, "/v2/invoices/INV-98000077")}
INVOICE_LINES = {"response": page(_line, "/v2/invoices/INV-98000077/invoice-line-details")}
API_CLIENTS = {"response": page(_client, "/v2/api-clients", "ApiClientName")}
API_CLIENT = {"response": one(_client, "/v2/api-clients/00001q6zs9a0v3k7m2x4c8d5ef")}
NEW_API_CLIENT = {
    "request": {"apiClientName": "reporting", "scopes": ["BasicRead", "SupportRead"]},
    "response": one(
        {
            "clientId": _client["clientId"],
            "clientSecret": "Yb3kQ9mX2vR7tN5wZ8cJ4hL6pD1sF0gA3eU9iO2yT5rW8qE1kM7",
            **{name: value for name, value in _client.items() if name != "clientId"},
        },
        "/v2/api-clients/00001q6zs9a0v3k7m2x4c8d5ef",
    ),
    "422": invalid("/v2/api-clients", apiClientName=["'reporting' is already the name of another API client"]),
}
_event = {
    "cursor": "v1.48213",
    "sequence": 48213,
    "type": "case.opened",
    "timestamp": "2026-03-02T06:14:09Z",
    "subject": {"type": "case", "id": "CAS-98002231", "version": 1, "link": f"{HOST}/v2/cases/CAS-98002231"},
    "actor": {"type": "api_client", "id": "00001q6zs9a0v3k7m2x4c8d5ef"},
    "requestId": TRACE,
    "before": None,
    "after": _case,
}
EVENTS = {
    "response": {
        "data": [_event],
        "metadata": {"limit": 100, "hasMore": False},
        "links": {
            "self": f"{HOST}/v2/events?after=v1.48100&limit=100&wait=30&types=case.*",
            "next": f"{HOST}/v2/events?after=v1.48213&limit=100&wait=30&types=case.*",
        },
    }
}
EVENT_STREAM = {
    "response": f"retry: 2000\nid: v1.48100\n\nid: v1.48213\ndata: {json.dumps(_event, separators=(',', ':'))}\n\n: heartbeat\n\n"
}

_endpoint = {
    "endpointId": "WHE-1001",
    "url": "https://noc.acme.example/hooks/trunkline",
    "description": "NOC ticketing",
    "eventTypes": ["case.*", "case_message.added"],
    "publicKey": "whpk_bA63u0DTtwP7qgHwAJHNSk4K8AmwTBzsKu1eLT+wxzY=",
    "status": "Active",
    "disabledReason": None,
    "failingSince": None,
    "heldUntil": None,
    "previousSecretUntil": None,
    "createdDate": "2026-03-02T06:00:00Z",
    "lastModifiedDate": "2026-03-02T06:00:00Z",
}
_endpoint_path = "/v2/webhook-endpoints/WHE-1001"
_secret = {"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="}
_delivery = {
    "deliveryId": "msg_019c1f3a5b7c7d2e8f40a1b2c3d4e5f6",
    "eventCursor": "v1.48213",
    "eventType": "case.opened",
    "subjectType": "case",
    "subjectId": "CAS-98002231",
    "status": "Delivered",
    "tries": 1,
    "attemptCount": 1,
    "nextAttemptDate": None,
    "responseStatus": 204,
    "failure": None,
    "createdDate": "2026-03-02T06:14:09Z",
    "finishedDate": "2026-03-02T06:14:10Z",
}
_delivery_path = f"{_endpoint_path}/deliveries/{_delivery['deliveryId']}"
_waiting = {
    "status": "Pending",
    "tries": 0,
    "nextAttemptDate": "2026-03-02T09:00:00Z",
    "responseStatus": None,
    "finishedDate": None,
}
_test = {
    "deliveryId": "msg_019c1f3b0a1b7f3c9d50b2c3d4e5f6a7",
    "eventCursor": None,
    "eventType": "webhook.test",
    "subjectType": "webhook_endpoint",
    "subjectId": "WHE-1001",
    "attemptCount": 0,
    "createdDate": "2026-03-02T09:00:00Z",
}
_attempt = {
    "number": 1,
    "timestamp": "2026-03-02T06:14:09Z",
    "durationMs": 84,
    "url": "https://noc.acme.example/hooks/trunkline",
    "address": "192.0.2.17",
    "requestHeaders": {
        "content-type": "application/json",
        "user-agent": "Trunkline-Webhooks/1",
        "webhook-id": _delivery["deliveryId"],
        "webhook-timestamp": "1772432049",
    },
    "responseStatus": 204,
    "responseHeaders": {"date": "Mon, 02 Mar 2026 06:14:09 GMT"},
    "responseBody": "",
    "failure": None,
}
WEBHOOK_ENDPOINTS = {"response": page(_endpoint, "/v2/webhook-endpoints", "-CreatedDate")}
WEBHOOK_ENDPOINT = {"response": one(_endpoint, _endpoint_path)}
PAUSED_WEBHOOK_ENDPOINT = {"response": one(_endpoint | {"status": "Paused"}, _endpoint_path)}
NEW_WEBHOOK_ENDPOINT = {
    "request": {name: _endpoint[name] for name in ("url", "eventTypes", "description")},
    "response": one(_endpoint | _secret, _endpoint_path),
    "422": invalid(
        "/v2/webhook-endpoints",
        **{
            "url": ["the address 10.0.0.7 is in a private network, which TRUNKLINE_WEBHOOK_NETWORKS does not allow"],
            "eventTypes[1]": ["'invoice.*' needs customerapi/billing.read"],
        },
    ),
}
WEBHOOK_ENDPOINT_CHANGE = {
    "request": {"eventTypes": ["case.*"], "description": None},
    "response": one(
        _endpoint | {"eventTypes": ["case.*"], "description": "", "lastModifiedDate": "2026-03-02T08:30:00Z"}, _endpoint_path
    ),
    "422": invalid(_endpoint_path, **{"eventTypes[0]": ["'case.exploded' is no event type"]}),
}
ROTATED_WEBHOOK_ENDPOINT = {
    "request": {"overlapHours": 24},
    "response": one(
        _endpoint | _secret | {"previousSecretUntil": "2026-03-03T10:00:00Z", "lastModifiedDate": "2026-03-02T10:00:00Z"},
        _endpoint_path,
    ),
    "422": invalid(f"{_endpoint_path}/rotate-secret", secret=["must be the base64 of 24 to 64 bytes after whsec_, not of 8"]),
}
WEBHOOK_TEST = {"response": one(_delivery | _waiting | _test, f"{_endpoint_path}/deliveries/{_test['deliveryId']}")}
WEBHOOK_DELIVERIES = {"response": page(_delivery, f"{_endpoint_path}/deliveries", "-CreatedDate")}
WEBHOOK_DELIVERY = {
    "response": one(
        _delivery
        | {
            "payload": json.dumps(
                {"type": "case.opened", "timestamp": "2026-03-02T06:14:09Z", "data": _event}, separators=(",", ":")
            ),
            "attempts": [_attempt],
        },
        _delivery_path,
    )
}
WEBHOOK_REPLAY_OF_ONE = {"response": one(_delivery | _waiting, _delivery_path)}
WEBHOOK_REPLAY = {
    "request": {"failedSince": "2026-03-02T00:00:00Z"},
    "response": {"data": {"deliveryCount": 17}, "links": {"deliveries": f"{HOST}{_endpoint_path}/deliveries"}},
    "422": invalid(f"{_endpoint_path}/replay", failedSince=["cannot go with from: choose one of them"]),
}
