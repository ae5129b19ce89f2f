"""Checks the hash that a settlement's participants affirm: computes it anew from the published result.

Standard library only, and no line of it comes from the server: the text that is hashed is written as
`docs/SETTLEMENT.md` says, from `GET /v1/auctions/{id}/result`, all pages. The token needs `read` and `operate`, since
others see their own allocations alone.

    WALRAS_TOKEN=... python allocations_hash.py --url http://127.0.0.1:8080 --auction ID

Prints the hash; the exit status is 0 if it is the settlement's, 1 if it is not.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import urllib.request


def fetch(url: str, token: str) -> dict:
    """A JSON document whose numbers stay the texts they are."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer, parse_float=str, parse_int=str)


def allocations_hash(base: str, auction: str, token: str) -> str:
    """The hash of a result, page by page."""
    result = fetch(f"{base}/v1/auctions/{auction}/result", token)
    text = hashlib.sha256()
    for line in ("walras allocations 1", result["auction_id"], result["terms_hash"], result["clearing_price"]):
        text.update(f"{line}\n".encode())
    while True:
        for won in result["allocations"]:
            bidder = won["bidder"]
            length = len(bidder.encode())
            text.update(f"{won['bid_id']},{won['quantity']},{won['payment']},{length}:{bidder}\n".encode())
        if result["next_after"] is None:
            return text.hexdigest()
        result = fetch(f"{base}/v1/auctions/{auction}/result?after={result['next_after']}", token)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", required=True, help="the server, http://HOST:PORT")
    parser.add_argument("--auction", required=True, help="the auction's id")
    arguments = parser.parse_args()
    base, token = arguments.url.rstrip("/"), os.environ["WALRAS_TOKEN"]
    computed = allocations_hash(base, arguments.auction, token)
    affirmed = fetch(f"{base}/v1/settlements/{arguments.auction}", token)["hash"]
    print(computed)
    if computed != affirmed:
        print(f"the settlement's hash is another: {affirmed}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
