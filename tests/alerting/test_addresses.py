"""To which addresses alerts go, and to which never, however they are written."""

import ipaddress

import pytest

from recsys_tasks.alerting.addresses import METADATA_HOSTS, refused_address

LINK_LOCAL, METADATA, NO_HOST = "a link-local address", "a cloud's metadata service", "an address of no host"
REFUSED = {
    "169.254.169.254": LINK_LOCAL,  # AWS, Azure, Google Cloud, DigitalOcean, OpenStack
    "169.254.170.2": LINK_LOCAL,  # AWS: credentials of containers
    "fe80::1%eth0": LINK_LOCAL,
    "fe80::a9fe:a9fe": LINK_LOCAL,
    "100.100.100.200": METADATA,
    "168.63.129.16": METADATA,
    "192.0.0.192": METADATA,
    "fd00:ec2::254": METADATA,
    "FD00:0EC2:0:0:0:0:0:0254": METADATA,
    "fd00:ec2::254%2": METADATA,
    "fd20:ce::254": METADATA,
    "0.0.0.0": NO_HOST,  # noqa: S104 - nothing binds to it
    "::": NO_HOST,
    "255.255.255.255": NO_HOST,
    "224.0.0.1": NO_HOST,
    "240.0.0.1": NO_HOST,
    "ff02::1": NO_HOST,
    "metadata.google.internal": "a name that was not looked up before",
    "2852039166": "a name that was not looked up before",
    "": "a name that was not looked up before",
}
ALLOWED = (
    "127.0.0.1", "::1", "10.1.2.3", "172.16.0.9", "192.168.1.1", "100.64.0.1", "100.100.100.201", "168.63.129.17",
    "192.0.2.1", "93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "fd12:3456:789a::1", "::ffff:10.1.2.3",
    "64:ff9b::5db8:d822", "2002:0a01:0203::1",
)  # fmt: skip
FORMS = {
    "mapped": lambda high, low: f"::ffff:{high}:{low}",
    "mapped, dotted": lambda high, low: f"::ffff:{ipaddress.IPv4Address(int(high + low, 16))}",
    "compatible": lambda high, low: f"::{high}:{low}",
    "translated": lambda high, low: f"::ffff:0:{high}:{low}",
    "NAT64": lambda high, low: f"64:ff9b::{high}:{low}",
    "NAT64, local": lambda high, low: f"64:ff9b:1::{high}:{low}",
    "NAT64, after 48 bits": lambda high, low: f"64:ff9b:1:{high}:{int(low, 16) >> 8:x}:{int(low[2:], 16) << 8:x}::",
    "6to4": lambda high, low: f"2002:{high}:{low}::1",
    "Teredo, client": lambda high, low: f"2001:0:5db8:d822:0:0:{int(high, 16) ^ 0xFFFF:x}:{int(low, 16) ^ 0xFFFF:x}",
    "Teredo, server": lambda high, low: f"2001:0:{high}:{low}:0:0:a247:27dd",
    "ISATAP": lambda high, low: f"2001:db8::5efe:{high}:{low}",
    "ISATAP, global": lambda high, low: f"2001:db8::200:5efe:{high}:{low}",
}


@pytest.mark.parametrize("address", REFUSED)
def test_refused(address: str) -> None:
    """Each is refused, in the words that the alert's record shows."""
    assert refused_address(address) == REFUSED[address]


@pytest.mark.parametrize("address", ALLOWED)
def test_allowed(address: str) -> None:
    """Loopback, private networks and the public ones are spoken to, next door to what is refused as well."""
    assert refused_address(address) == ""


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("address", ["169.254.169.254", "100.100.100.200", "168.63.129.16", "192.0.0.192", "224.0.0.1"])
def test_an_ipv4_address_inside_an_ipv6_one(form: str, address: str) -> None:
    """Every form in which IPv6 carries an IPv4 address is refused for what it carries, and only for that."""
    digits = ipaddress.IPv4Address(address).packed.hex()
    assert refused_address(FORMS[form](digits[:4], digits[4:])) == refused_address(address) != ""
    assert refused_address(FORMS[form]("5db8", "d822")) == ""


def test_the_listed_hosts_are_those_that_no_property_tells() -> None:
    """A host that is link-local needs no entry, and no entry is loopback."""
    assert not any(host.is_link_local or host.is_loopback for host in METADATA_HOSTS)
