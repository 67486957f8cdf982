"""As much of curl as README uses, for machines that have none."""

import argparse
import sys

import httpx


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("-s", action="store_true")
    parser.add_argument("-S", action="store_true")
    parser.add_argument("-X", default="GET")
    parser.add_argument("-H", action="append", default=[])
    parser.add_argument("-d")
    given = parser.parse_args()
    headers = [header.split(": ", 1) for header in given.H]
    answer = httpx.request(
        given.X,
        given.url,
        content=given.d,
        headers=[(name, value) for name, value in headers],
        timeout=60,
    )
    sys.stdout.write(answer.text)


if __name__ == "__main__":
    main()
