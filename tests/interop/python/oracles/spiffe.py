"""JWT-SVIDs, judged by PyPI `spiffe`."""

import datetime
import json

import jwt
import jwt.api_jwt
from spiffe import JwtBundle, JwtSvid, TrustDomain

KIND = "jwt-svid"


def judge(request, document):
    token = next(value for name, value in request["headers"] if name.lower() == "authorization").split()[1]
    audience = set(document["policies"][request["policy"]]["audience"])
    jwt.api_jwt.datetime = clock_at(request["now"])
    try:
        JwtSvid.parse_and_validate(token, bundle_for(token, document), audience)
    except Exception as error:  # any exception is a refusal
        return "refuse", f"{type(error).__name__}: {error}"
    return "accept", ""


def bundle_for(token, document):
    """The caller picks the bundle by the subject's trust domain; without one there is nothing to accept it with."""
    subject = str(jwt.decode(token, options={"verify_signature": False}).get("sub"))
    domain = subject.removeprefix("spiffe://").split("/")[0]
    for entry in document["trust"]:
        if entry.get("trust_domain") == domain:
            return JwtBundle.parse(TrustDomain(domain), json.dumps(entry["bundle"]).encode())
    raise LookupError(f"no bundle for {domain!r}")


def clock_at(seconds):
    """The class that the library asks for the time, stopped."""

    class Stopped(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.datetime.fromtimestamp(seconds, tz)

    return Stopped
