"""/metrics, on an address of its own, or nowhere."""

import aiohttp
import pytest

from controlplane.telemetry.scrape import BadAddress, scraped


async def test_metrics_are_served_where_it_is_set() -> None:
    async with scraped("127.0.0.1:0") as url, aiohttp.ClientSession() as session:
        async with session.get(url) as response:
            assert response.status == 200
            assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            assert b"process_resident_memory_bytes" in await response.read()
        async with session.get(url.replace("/metrics", "/")) as response:
            assert response.status == 404


async def test_without_an_address_nothing_listens() -> None:
    async with scraped("") as url:
        assert url == ""


@pytest.mark.parametrize("address", ["9090", ":9090", "0.0.0.0", "0.0.0.0:http", "127.0.0.1:70000"])
async def test_what_is_no_address_is_refused_by_name(address: str) -> None:
    with pytest.raises(BadAddress, match="HOST:PORT"):
        async with scraped(address):
            pass
