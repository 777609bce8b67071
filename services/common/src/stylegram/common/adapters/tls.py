"""TLS towards a broker: whom we believe, and how we prove who we are."""

import ssl
from pathlib import Path
from typing import NamedTuple

from stylegram.common.errors import ConfigurationError


class TlsFiles(NamedTuple):
    """What a TLS connection is made with.

    Args:
        ca: certificates that the other side's is checked against; the system's where None.
        certificate: our own, where the other side wants one.
        key: our certificate's, unless it is in the same file.
    """

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def context(self) -> ssl.SSLContext:
        """For a client that checks the other side's certificate and host name.

        Raises:
            ConfigurationError: a file cannot be read, or is no certificate or key.
        """
        try:
            context = ssl.create_default_context(cafile=self.ca)
            if self.certificate:
                context.load_cert_chain(self.certificate, self.key)
        except OSError as error:  # ssl.SSLError is one
            raise ConfigurationError(
                f"The broker's TLS files cannot be used: {error.strerror or error}.",
                advice="Look at STYLEGRAM_BROKER_CA_FILE, STYLEGRAM_BROKER_CERT_FILE and STYLEGRAM_BROKER_KEY_FILE.",
            ) from None
        return context
