"""Products: create, retrieve, update, delete and list."""

from __future__ import annotations

from typing import Literal

from sandbox.common.store import Json, equal
from sandbox.stripe.core import ids
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.errors import InvalidRequest
from sandbox.stripe.core.lists import page
from sandbox.stripe.core.operations import Operation, operation
from sandbox.stripe.core.params import (
    Bool,
    Clearable,
    CreatedPage,
    Metadata,
    NoParams,
    Params,
    Text,
    Texts,
)
from sandbox.stripe.core.updates import given_fields
from sandbox.stripe.core.views import view


class ProductFields(Params):
    """Common fields of creating and updating a product."""

    unsupported = frozenset(
        {"marketing_features", "package_dimensions", "shippable", "tax_code", "tax_details"}
    )
    active: Bool | None = None
    description: Clearable | None = None
    images: Texts | None = None
    metadata: Metadata | None = None
    statement_descriptor: Text | None = None
    unit_label: Clearable | None = None
    url: Clearable | None = None


class CreateProduct(ProductFields):
    """POST /v1/products."""

    unsupported = ProductFields.unsupported | {"default_price_data"}
    name: Text
    id: Text | None = None
    type: Literal["good", "service"] | None = None


class UpdateProduct(ProductFields):
    """POST /v1/products/{product}."""

    name: Text | None = None
    default_price: Text | None = None


class ListProducts(CreatedPage):
    """GET /v1/products."""

    unsupported = frozenset({"ids", "shippable", "url"})
    active: Bool | None = None
    type: Literal["good", "service"] | None = None


def new_product(call: Call, name: str, **fields: object) -> Json:
    """Returns a product, not yet stored."""
    return {
        "id": ids.fresh("prod_"),
        "object": "product",
        "active": True,
        "created": call.now,
        "default_price": None,
        "description": None,
        "images": [],
        "livemode": call.account.livemode,
        "marketing_features": [],
        "metadata": {},
        "name": name,
        "package_dimensions": None,
        "shippable": None,
        "statement_descriptor": None,
        "tax_code": None,
        "type": "service",
        "unit_label": None,
        "updated": call.now,
        "url": None,
        **fields,
    }


def create(call: Call, params: CreateProduct) -> Json:
    """Creates a product, with the caller's id if given."""
    given = params.model_dump(exclude_none=True, exclude={"expand"})
    if params.id and call.find("product", params.id):
        raise InvalidRequest(
            f"Product already exists with ID {params.id}.", code="resource_already_exists"
        )
    return view(call, call.create(new_product(call, **given), "product.created"))


def retrieve(call: Call, _: NoParams) -> Json:
    """Returns a product."""
    return view(call, call.load("product", call.path["product"]))


def update(call: Call, params: UpdateProduct) -> Json:
    """Updates the given fields."""
    product = call.load("product", call.path["product"])
    given = given_fields(params, product, clear=("description", "unit_label", "url"))
    if params.default_price:
        call.load("price", params.default_price, param="default_price")
    return view(call, call.change(product, given | {"updated": call.now}, "product.updated"))


def delete(call: Call, _: NoParams) -> Json:
    """Deletes a product that has no prices."""
    product = call.load("product", call.path["product"])
    if call.all("price", owner=product["id"]):
        raise InvalidRequest(
            "This product cannot be deleted because it has one or more user-created prices."
        )
    call.emit("product.deleted", product)
    call.drop(product)
    return {"id": product["id"], "object": "product", "deleted": True}


def listing(call: Call, params: ListProducts) -> Json:
    """Returns a page of products."""
    filters = equal(active=params.active, type=params.type)
    return page(call, "product", params, url="/v1/products", filters=filters)


OPERATIONS: list[Operation] = [
    operation("POST", "/v1/products", "product", CreateProduct, create),
    operation("GET", "/v1/products", "list:product", ListProducts, listing),
    operation("GET", "/v1/products/{product}", "product", NoParams, retrieve),
    operation("POST", "/v1/products/{product}", "product", UpdateProduct, update),
    operation("DELETE", "/v1/products/{product}", "product", NoParams, delete),
]
