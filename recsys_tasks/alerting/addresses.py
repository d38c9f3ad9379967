"""Which addresses no alert is sent to: where clouds keep the credentials of a machine, and what is no single host.

Judged is the address that is connected to, never a name, so that no name server has a say in it. Loopback and private
networks are allowed: that is where the mail server of a company lives.
"""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

METADATA_HOSTS = frozenset(
    map(
        ip_address,
        (
            "100.100.100.200",  # Alibaba Cloud
            "168.63.129.16",  # Azure: DHCP, DNS and the machine's agent
            "192.0.0.192",  # Oracle Cloud, classic
            "192.80.8.124",  # Equinix Metal
            "fd00:ec2::254",  # AWS
            "fd00:ec2::23",  # AWS: credentials of pods
            "fd20:ce::254",  # Google Cloud
            "fd00:c1::a9fe:a9fe",  # Oracle Cloud
            "fd00:42::42",  # Scaleway
        ),
    )
)
"""Metadata services that no property of an address tells; the others are link-local."""
_TRANSLATED = tuple(map(ip_network, ("::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/96", "::/96")))
"""IPv6 addresses that are an IPv4 address and nothing else: mapped (RFC 4291), translated (RFC 6052, 7915 and 8215),
and compatible, which is long out of use."""
_LOCAL_TRANSLATION = ip_network("64:ff9b:1::/48")  # RFC 8215: as RFC 6052 embeds an address after 48 bits
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)  # RFC 5214: what stands before the IPv4 address at the end
_LOW = 0xFFFF_FFFF


def refused_address(host: str) -> str:
    """Say in words why nothing is sent to an address; empty where it may be.

    Args:
        host: an IPv4 or IPv6 address as a socket takes it, perhaps with a scope.
    """
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return "a name that was not looked up before"
    return next(filter(None, map(_words, _meant(address))), "")


def _words(address: IPv4Address | IPv6Address) -> str:
    if address.is_loopback:
        return ""
    if address.is_link_local:
        return "a link-local address"
    if address in METADATA_HOSTS:
        return "a cloud's metadata service"
    return "an address of no host" if address.is_multicast or address.is_unspecified or address.is_reserved else ""


def _meant(address: IPv4Address | IPv6Address) -> Iterator[IPv4Address | IPv6Address]:
    """The address and every IPv4 address that lies in it; of one that only stands for another, the other."""
    if isinstance(address, IPv4Address) or address.is_loopback or address.is_unspecified:
        yield address
        return
    value = int(address)
    if any(address in network for network in _TRANSLATED):
        yield IPv4Address(value & _LOW)
        return
    if address in _LOCAL_TRANSLATION:
        yield IPv4Address((value >> 48 & 0xFFFF_0000) | (value >> 40 & 0xFFFF))
        return
    yield address
    if value >> 32 & _LOW in _ISATAP:
        yield IPv4Address(value & _LOW)
    yield from filter(None, (address.sixtofour, *(address.teredo or ())))
