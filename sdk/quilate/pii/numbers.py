"""Check digits of identity, tax, bank and card numbers. Each function takes the number without
marks between its parts, in capitals, and says whether it can be one."""

import re
from collections.abc import Sequence
from datetime import date
from ipaddress import ip_address

# ISO 13616: the length of an IBAN, by country (those of the IBAN registry).
_LENGTHS = """
AD:24 AE:23 AL:28 AT:20 AZ:28 BA:20 BE:16 BG:22 BH:22 BR:29 BY:28 CH:21 CR:22 CY:28 CZ:24 DE:22
DK:18 DO:28 EE:20 EG:29 ES:24 FI:18 FO:18 FR:27 GB:22 GE:22 GI:23 GL:18 GR:27 GT:28 HR:21 HU:28
IE:22 IL:23 IQ:23 IS:26 IT:27 JO:30 KW:30 KZ:20 LB:28 LC:32 LI:21 LT:20 LU:20 LV:21 MC:27 MD:24
ME:22 MK:19 MR:27 MT:31 MU:30 NL:18 NO:15 PK:24 PL:28 PS:29 PT:25 QA:29 RO:24 RS:22 SA:24 SC:31
SE:24 SI:19 SK:24 SM:27 SV:28 TN:24 TR:26 UA:29 VA:22 VG:24 XK:20
"""
IBAN_LENGTHS = {pair[:2]: int(pair[3:]) for pair in _LENGTHS.split()}
_DNI = "TRWAGMYFPDXBNJZSQVHLCKE"
_CURP = "0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ"
_RFC = "0123456789ABCDEFGHIJKLMN&OPQRSTUVWXYZ Ñ"
_STATE_CODES = """
AS BC BS CC CH CL CM CS DF DG GR GT HG JC MC MN MS NE NL NT OC PL QR QT SL SP SR TC TL TS VZ YN ZS
"""
_STATES = frozenset(_STATE_CODES.split())
# Each with its lengths: Visa, Mastercard, American Express, Diners, and Discover, JCB, UnionPay.
# An IMEI, which has 15 digits and Luhn's check digit too, is none; nor are the ids of 19 digits
# of which every tenth passes, for cards of that length hardly exist outside UnionPay.
_ISSUERS = re.compile(
    r"""4(?:\d{12}|\d{15}) | (?:5[1-5]|2(?:2[2-9]|[3-6]\d|7[01]))\d{14} | 2720\d{12}
      | 3[47]\d{13} | 3(?:0[0-5]|[68]\d|9\d)\d{11}
      | (?:6(?:011|4[4-9]\d|5\d\d)|35\d\d)\d{12} | 62\d{14,17}""",
    re.VERBOSE,
)


def luhn(number: str) -> bool:
    """ISO/IEC 7812's check digit.

    >>> luhn("4111111111111111"), luhn("4111111111111112")
    (True, False)
    """
    digits = [int(digit) for digit in reversed(number)]
    doubled = [d * 2 - 9 * (d > 4) for d in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def card(number: str) -> bool:
    """A payment card: digits that begin as one of the large issuers' do and have its length, by
    Luhn."""
    return _ISSUERS.fullmatch(number) is not None and len(set(number)) > 1 and luhn(number)


def iban(number: str) -> bool:
    """ISO 13616: the country's length, and 1 modulo 97.

    >>> iban("ES9121000418450200051332"), iban("ES9121000418450200051333")
    (True, False)
    """
    if IBAN_LENGTHS.get(number[:2]) != len(number):
        return False
    return int("".join(str(int(char, 36)) for char in number[4:] + number[:4])) % 97 == 1


def dni(number: str) -> bool:
    """Spain's DNI: 8 digits, and the letter of the number modulo 23.

    >>> dni("12345678Z"), dni("12345678A")
    (True, False)
    """
    return number[-1] == _DNI[int(number[:8]) % 23]


def nie(number: str) -> bool:
    """Spain's NIE: X, Y or Z for a first digit 0, 1 or 2; then as the DNI.

    >>> nie("X1234567L")
    True
    """
    return dni(str("XYZ".index(number[0])) + number[1:])


def curp(number: str) -> bool:
    """Mexico's CURP: a day that was, a state, and the check digit.

    >>> curp("BOXW310820HNERXN09")
    True
    """
    if not _day(number[4:10]) or number[11:13] not in _STATES:
        return False
    total = sum(_CURP.index(char) * (18 - at) for at, char in enumerate(number[:17]))
    return (10 - total % 10) % 10 == int(number[17]) if number[17].isdecimal() else False


def rfc(number: str) -> bool:
    """Mexico's RFC of a person: a day that was, and the check character.

    >>> rfc("GODE561231GR8")
    True
    """
    if re.fullmatch("[1-9A-V][1-9A-Z][0-9A]", number[10:]) is None or not _day(number[4:10]):
        return False
    total = sum(_RFC.index(char) * (13 - at) for at, char in enumerate(number[:12]))
    rest = 11 - total % 11
    return number[12] == {11: "0", 10: "A"}.get(rest, str(rest))


def rut(number: str) -> bool:
    """Chile's RUT: digits weighted 2 to 7 from the right, modulo 11.

    >>> rut("125319092")
    True
    """
    total = sum(int(digit) * (2 + at % 6) for at, digit in enumerate(reversed(number[:-1])))
    return number[-1] == "0123456789K"[(11 - total % 11) % 11]


def cuit(number: str) -> bool:
    """Argentina's CUIT or CUIL: a known prefix, and weights 5 to 2 and 7 to 2, modulo 11.

    >>> cuit("20267565393")
    True
    """
    if number[:2] not in {"20", "23", "24", "25", "26", "27", "30", "33", "34", "50", "51", "55"}:
        return False
    return _weighted(number[:10], (5, 4, 3, 2, 7, 6, 5, 4, 3, 2), "012345678990", int(number[10]))


def _weighted(digits: str, weights: Sequence[int], checks: str, given: int) -> bool:
    total = sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True))
    return int(checks[(11 - total % 11) % 11]) == given


def cpf(number: str) -> bool:
    """Brazil's CPF: two check digits, modulo 11; not one digit eleven times.

    >>> cpf("39053344705"), cpf("11111111111")
    (True, False)
    """
    if len(set(number)) == 1:
        return False
    for length in (9, 10):
        total = sum(int(number[at]) * (length + 1 - at) for at in range(length))
        if int(number[length]) != total * 10 % 11 % 10:
            return False
    return True


def ssn(number: str) -> bool:
    """A number that the United States' Social Security Administration may have given."""
    area, group, serial = number[:3], number[3:5], number[5:]
    never = area in {"000", "666"} or area[0] == "9" or group == "00" or serial == "0000"
    return not never and number not in {"078051120", "219099999"}


def ip(address: str) -> bool:
    """An address of IPv4 or IPv6 that can belong to somebody: not loopback, not unspecified."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    # Code has colons too: `::add` would be an address.
    groups = len([group for group in address.split(":") if group])
    short = found.version == 6 and groups < 3
    return not (short or found.is_loopback or found.is_unspecified or found.is_multicast)


def _day(digits: str) -> bool:
    """Whether YYMMDD is a day of some century."""
    try:
        year, month, day = (int(digits[at : at + 2]) for at in (0, 2, 4))
        date(2000 + year, month, day)
    except ValueError:
        return False
    return True
