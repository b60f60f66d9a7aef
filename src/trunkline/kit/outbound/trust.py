"""Which certificates we believe: those of the system's authorities, or certifi's where the system has none, and the operator's own."""

import ssl
from pathlib import Path

import certifi

from trunkline.kit.startup import ExitCode, StartupError


def tls_context(ca_file: Path | None = None) -> ssl.SSLContext:
    """TLS 1.2 or newer with certificate and host name checked; `ca_file` (PEM) is believed besides.

    Raises `StartupError` when `ca_file` cannot be read.
    """
    context = ssl.create_default_context()
    if not _system_has_authorities(context):
        context.load_verify_locations(certifi.where())
    if ca_file is not None:
        try:
            context.load_verify_locations(ca_file)
        except OSError as error:  # ssl.SSLError is one
            reason = "it holds no certificate in PEM" if isinstance(error, ssl.SSLError) else error.strerror
            raise StartupError(f"TRUNKLINE_WEBHOOK_CA={ca_file}: {reason}", ExitCode.CONFIGURATION) from None
    context.set_alpn_protocols(["http/1.1"])
    return context


def _system_has_authorities(context: ssl.SSLContext) -> bool:
    """Whether OpenSSL's own places hold any: a file is loaded already, a folder of hashed names is read when one is needed."""
    if context.cert_store_stats()["x509_ca"]:
        return True
    folder = ssl.get_default_verify_paths().capath
    return folder is not None and any(name.suffix[1:].isdecimal() for name in Path(folder).iterdir())
