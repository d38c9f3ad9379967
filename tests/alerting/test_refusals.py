"""What is said of a channel's exception: its kind and its status, and never its text."""

import errno
import smtplib
import socket
import ssl

import pytest

from recsys_tasks.alerting.refusals import refusal

CANARY = "canary"


def caused(outer, inner):
    """An exception that was raised while another one was handled."""
    outer.__context__ = inner
    return outer


def expired():
    """What OpenSSL raises about an expired certificate."""
    error = ssl.SSLCertVerificationError(1, f"[SSL: CERTIFICATE_VERIFY_FAILED] {CANARY}")
    error.verify_message = "certificate has expired"
    return error


class TestRefusal:
    @pytest.mark.parametrize(
        ("error", "said"),
        [
            (smtplib.SMTPAuthenticationError(535, CANARY.encode()), "authentication failed (status 535)"),
            (smtplib.SMTPNotSupportedError("STARTTLS extension not supported"), "STARTTLS is not offered"),
            (
                smtplib.SMTPRecipientsRefused({CANARY: (550, CANARY.encode())}),
                "no receiver was accepted (status 550)",
            ),
            (
                smtplib.SMTPSenderRefused(553, CANARY.encode(), CANARY),
                "the sender was not accepted (status 553)",
            ),
            (smtplib.SMTPDataError(554, CANARY.encode()), "refused (status 554)"),
            (smtplib.SMTPServerDisconnected(CANARY), "the connection was closed before an answer"),
            (ConnectionResetError(errno.ECONNRESET, CANARY), "the connection was closed before an answer"),
            (ConnectionRefusedError(errno.ECONNREFUSED, CANARY), "connection refused"),
            (OSError(errno.ENETUNREACH, CANARY), "network is unreachable"),
            (socket.gaierror(socket.EAI_NONAME, CANARY), "the name is not known"),
            (socket.gaierror(socket.EAI_AGAIN, CANARY), "the name could not be looked up"),
            (TimeoutError(CANARY), "no answer in time"),
            (MemoryError(), "its answer is too long"),
            (expired(), "certificate error: certificate has expired"),
            (RuntimeError(f"Response body: {CANARY}; Status Code: 403"), "status 403"),
            (KeyError(CANARY), "KeyError"),
        ],
    )
    def test_each_kind_has_its_words(self, error, said):
        """Kind and status are told; the other side's text and the connection's fields are not."""
        assert refusal(error) == said

    def test_the_reason_below_a_librarys_own_error_is_found(self):
        """Requests and urllib wrap what happened, several times over, in errors that say nothing by themselves."""
        wrapped = caused(OSError(CANARY), caused(ValueError(CANARY), ConnectionRefusedError(errno.ECONNREFUSED, "")))
        assert refusal(wrapped) == "connection refused"
        assert refusal(caused(ValueError(CANARY), KeyError(CANARY))) == "ValueError"
