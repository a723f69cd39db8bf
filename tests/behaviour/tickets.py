"""Join tickets, as whoever holds one may try to use it."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from pathlib import Path

import aiohttp
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

__all__ = ["signed_again", "trade"]


async def trade(ticket: dict[str, str], cluster: str, token: str = "") -> tuple[int, str]:
    """Show a ticket to the hub, as an agent does; its answer, and the token."""
    headers = {"Authorization": f"Bearer {token or ticket['token']}"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{ticket['url']}/v1/join", json={"cluster": cluster}, headers=headers) as answer,
    ):
        return answer.status, (await answer.json()).get("token", "")


def signed_again(token: str, key: Path, later_s: int) -> str:
    """The same token with other times, as the API server itself would have signed it."""
    header, claims, _ = token.split(".")
    said = json.loads(urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    said |= {time: said[time] + later_s for time in ("iat", "nbf", "exp")}
    text = f"{header}.{_encoded(json.dumps(said).encode())}"
    private = serialization.load_pem_private_key(key.read_bytes(), None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    r, s = decode_dss_signature(private.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{text}.{_encoded(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def _encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")
