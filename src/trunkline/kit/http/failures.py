"""What HTTP itself refuses, before or around a use case. Dialects render these like any other refusal."""

from trunkline.kit.errors import Refusal


class HttpFailure(Refusal):
    """A refusal with a status of its own and headers that belong to it."""

    status = 500

    def __init__(self, message: str, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(message)
        self.headers = headers


class HttpsRequired(HttpFailure):
    """Plain HTTP in profile production."""

    status = 400


class BrokenMessage(HttpFailure):
    """What came is not a request as HTTP has it (RFC 9112): more than one host, a body that ends too soon or is badly framed."""

    status = 400


class NoRoute(HttpFailure):
    """Nothing answers at this path."""

    status = 404


class MethodNotAllowed(HttpFailure):
    """The path exists; `Allow` says what it takes."""

    status = 405


class NotAcceptable(HttpFailure):
    """The `Accept` header excludes everything that the operation can answer with."""

    status = 406


class RequestTimeout(HttpFailure):
    """The body did not arrive in time."""

    status = 408


class PayloadTooLarge(HttpFailure):
    """The body is longer than the operation takes."""

    status = 413


class UnsupportedMediaType(HttpFailure):
    """The body is of a type that the operation does not read."""

    status = 415
