"""Why a channel did not take a message: words for an exception that repeat nothing of its text.

The text of such an exception may hold a webhook's secret path, a token, or whatever the server answered. What is told
is the kind of failure, a status, and what this machine's own OpenSSL and C library say of it.
"""

import os
import re
import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator

IN_TIME = "no answer in time"
CLOSED = "the connection was closed before an answer"
UNKNOWN_NAMES = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))
_STATUS = re.compile(r"Status Code: (\d{3})\b")  # as the hook of Slack words it


def refusal(error: BaseException) -> str:
    """What went wrong, from the first exception in the chain of causes that is known; else the name of its class."""
    known = (words for link in _chain(error) if (words := _words(link)))
    return next(known, type(error).__name__)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The exception, then whatever it was raised from or raised while handling."""
    link: BaseException | None = error
    while link is not None:
        yield link
        link = link.__cause__ or link.__context__


def _words(error: BaseException) -> str:
    """Words for one exception; empty where it says nothing by itself."""
    for kind, say in KINDS:
        if isinstance(error, kind):
            return say(error)
    status = _STATUS.search(str(error))
    return f"status {status[1]}" if status else ""


def _unsupported(error: BaseException) -> str:
    return f"{'STARTTLS' if 'STARTTLS' in str(error) else 'authentication'} is not offered"


def _receivers(error: BaseException) -> str:
    statuses = sorted({code for code, _ in error.recipients.values()}) if hasattr(error, "recipients") else []
    return f"no receiver was accepted (status {', '.join(map(str, statuses))})"


def _tls(error: BaseException) -> str:
    reason = str(getattr(error, "reason", None) or "the connection ended")
    hint = "; is this a port for TLS?" if reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE") else ""
    return f"TLS failed ({reason}){hint}"


def _certificate(error: BaseException) -> str:
    return f"certificate error: {str(getattr(error, 'verify_message', 'not valid')).rstrip('.')}"


def _lookup(error: BaseException) -> str:
    known = getattr(error, "errno", None) in UNKNOWN_NAMES
    return "the name is not known" if known else "the name could not be looked up"


def _system(error: BaseException) -> str:
    number = getattr(error, "errno", None)  # several libraries derive from OSError and give none
    return os.strerror(number).lower() if isinstance(number, int) and number > 0 else ""


def _coded(words: str) -> Callable[[BaseException], str]:
    return lambda error: f"{words} (status {getattr(error, 'smtp_code', 'unknown')})"


def _always(words: str) -> Callable[[BaseException], str]:
    return lambda _: words


KINDS: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], Callable[[BaseException], str]], ...] = (
    (smtplib.SMTPAuthenticationError, _coded("authentication failed")),
    (smtplib.SMTPNotSupportedError, _unsupported),
    (smtplib.SMTPRecipientsRefused, _receivers),
    (smtplib.SMTPSenderRefused, _coded("the sender was not accepted")),
    (smtplib.SMTPResponseException, _coded("refused")),
    (ssl.SSLCertVerificationError, _certificate),
    (ssl.SSLError, _tls),
    (socket.gaierror, _lookup),
    (TimeoutError, _always(IN_TIME)),
    ((ConnectionResetError, ConnectionAbortedError, BrokenPipeError, smtplib.SMTPServerDisconnected), _always(CLOSED)),
    (MemoryError, _always("its answer is too long")),
    (OSError, _system),
)
"""What each kind of exception is called; the first that fits answers."""
