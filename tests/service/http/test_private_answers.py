from tests.service.harness import Shop


def test_answers_are_kept_by_no_cache_and_taken_for_no_page(shop: Shop) -> None:
    posted = shop.post("paid")
    answers = [
        posted,
        shop.get(f"{shop.url}/invoices"),
        shop.get(f"{shop.url}/invoices", format="csv"),
        shop.get(f"{shop.url}/invoices/none"),
    ]
    for answer in answers:
        assert answer.headers["cache-control"] == "no-store", answer.url
        assert answer.headers["x-content-type-options"] == "nosniff", answer.url
