"""The options of curl that README and the examples use, for machines without curl."""

import argparse
import ssl
import sys
from urllib.parse import quote

import httpx


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("-s", "--silent", action="store_true")
    parser.add_argument("-S", "--show-error", action="store_true")
    parser.add_argument("--location", action="store_true")
    parser.add_argument("--fail-with-body", action="store_true")
    parser.add_argument("-X", "--request", dest="X", default="GET")
    parser.add_argument("-H", "--header", dest="H", action="append", default=[])
    parser.add_argument("-d", "--data", dest="d")
    parser.add_argument("--data-urlencode", dest="form")
    given = parser.parse_args()
    if given.form is not None:
        name, _, value = given.form.partition("=")
        given.d = f"{name}={quote(value, safe='')}"
    headers = [header.split(": ", 1) for header in given.H]
    answer = httpx.request(
        given.X,
        given.url,
        content=given.d,
        headers=[(name, value) for name, value in headers],
        timeout=60,
        verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),  # reads no authorities: plain HTTP
    )
    sys.stdout.write(answer.text)
    if given.fail_with_body and answer.is_error:
        sys.exit(22)


if __name__ == "__main__":
    main()
