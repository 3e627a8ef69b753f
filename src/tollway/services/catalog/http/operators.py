"""What operators do in the catalogue: products, plans, prices, capacity."""

from typing import Annotated, Any, Self

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from tollway.contracts.errors import UnknownAsset
from tollway.contracts.protocols import SOLD_PROTOCOLS, SoldProtocol
from tollway.fabric.rest import (
    PRINTABLE,
    Answer,
    AnswerStore,
    AssetCode,
    AssetPath,
    Body,
    CurrencyCode,
    CurrentUser,
    IdempotencyKey,
    MoneyText,
    PositiveMoney,
    PositiveUnits,
    UnitsText,
    UtcTime,
    idempotent,
    route,
)
from tollway.kit.errors import Conflict
from tollway.kit.times import SECOND_US
from tollway.services.catalog.model import Product
from tollway.services.catalog.service import Catalog

PlanPath = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9._-]{0,119}$", description="The plan's id")]
ProductName = Annotated[str, Field(min_length=1, max_length=100, pattern=PRINTABLE)]
Description = Annotated[str, Field(max_length=1000, pattern=PRINTABLE)]
Tier = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$", examples=["standard"])]
ValidityS = Annotated[
    int, Field(ge=0, le=10 * 366 * 86_400, description="How long a bought lot lasts, in seconds; 0: for ever")
]


class ProductView(BaseModel):
    """A product as operators see it. One that is not `active` is hidden and not sold."""

    model_config = ConfigDict(from_attributes=True)

    asset: str
    name: str
    description: str
    protocols: tuple[str, ...]
    tier: str
    unit: str
    lot_units: UnitsText
    min_units: UnitsText
    max_units: UnitsText
    validity_s: Annotated[int, BeforeValidator(lambda us: us // SECOND_US)] = Field(
        validation_alias="validity_us"
    )
    capacity_units: UnitsText
    active: bool


class ProductList(BaseModel):
    items: list[ProductView]


class NewProduct(Body):
    """A product to add: bandwidth, priced by `lot_units` bytes. `asset` and `lot_units` can never be changed.

    `prices` are list prices of one lot, by currency. Nothing is sold before capacity is put up for sale.
    """

    asset: AssetCode
    name: ProductName
    description: Description = ""
    protocols: Annotated[list[SoldProtocol], Field(min_length=1, max_length=10)] = Field(
        default_factory=lambda: list(SOLD_PROTOCOLS)
    )
    tier: Tier = "standard"
    lot_units: PositiveUnits = 1_000_000_000
    min_units: PositiveUnits = 1_000_000
    max_units: PositiveUnits = 10_000_000_000_000
    validity_s: ValidityS = 0
    active: bool = True
    prices: Annotated[dict[CurrencyCode, PositiveMoney], Field(max_length=200, default_factory=dict)]


class ProductChange(Body):
    """What to change of a product; what is left out stays as it is, and so does what was bought before."""

    name: ProductName | None = None
    description: Description | None = None
    tier: Tier | None = None
    min_units: PositiveUnits | None = None
    max_units: PositiveUnits | None = None
    validity_s: ValidityS | None = None
    active: bool | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.changes():
            raise ValueError("name at least one field to change")
        return self

    def changes(self) -> dict[str, Any]:
        """Return the fields to change, by their names in the product."""
        changes = {name: value for name, value in self if value is not None}
        if "validity_s" in changes:
            changes["validity_us"] = changes.pop("validity_s") * SECOND_US
        return changes


class PlanDetail(BaseModel):
    """A prepaid plan as operators see it."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    asset: str
    quantity: UnitsText
    active: bool


class PlanDetailList(BaseModel):
    items: list[PlanDetail]


class NewPlan(Body):
    """A plan to add: so much of a product, bought at once."""

    asset: AssetCode
    quantity: PositiveUnits


class PlanChange(Body):
    """Whether a plan is offered."""

    active: bool


class NewPrice(Body):
    """A list price for one lot (for bandwidth: 1 GB)."""

    asset: AssetCode
    currency: CurrencyCode
    list_price: PositiveMoney
    reason: str = Field(
        "", max_length=500, pattern=PRINTABLE, description="Why; it stands in the audit trail"
    )


class NewPriceView(BaseModel):
    asset: str
    currency: str
    list_price: MoneyText
    since: UtcTime


class NewCapacity(Body):
    """Units to put up for sale on top of what there is."""

    asset: AssetCode
    quantity: PositiveUnits


class CapacityIssueView(BaseModel):
    """Capacity that was put up for sale; `done` when the ledger has issued it."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    asset: str
    quantity: UnitsText = Field(validation_alias="units")
    done: bool


def add_operator_routes(api: APIRouter, service: Catalog, answers: AnswerStore) -> None:
    """Add the routes of operators."""
    _products(api, service, answers)
    _plans(api, service, answers)
    _prices(api, service, answers)


def _products(api: APIRouter, service: Catalog, answers: AnswerStore) -> None:
    read = route(permission="products:read", owner="any")

    @api.get("/api/admin/catalog/products", tags=["operators"], **read)
    async def products() -> ProductList:
        """List all products, hidden ones too."""
        return ProductList(items=[ProductView.model_validate(one) for one in await service.editor.products()])

    @api.post(
        "/api/admin/catalog/products",
        tags=["operators"],
        status_code=201,
        response_model=ProductView,
        **route(
            permission="products:manage", owner="any", audit="catalog:product:create", problems=(Conflict,)
        ),
    )
    async def add(body: NewProduct, who: CurrentUser, key: IdempotencyKey) -> Response:
        """Add a product. Put capacity of it up for sale next."""

        async def work() -> Answer:
            product = Product(
                asset=body.asset,
                name=body.name,
                description=body.description,
                protocols=tuple(dict.fromkeys(body.protocols)),
                tier=body.tier,
                unit="byte",
                lot_units=body.lot_units,
                min_units=body.min_units,
                max_units=body.max_units,
                validity_us=body.validity_s * SECOND_US,
                active=body.active,
            )
            made = await service.editor.add_product(product, body.prices, who.user_id)
            return Answer(201, ProductView.model_validate(made))

        return await idempotent(answers, who, key, body, work)

    @api.patch(
        "/api/admin/catalog/products/{asset}",
        tags=["operators"],
        **route(
            permission="products:manage",
            owner="any",
            audit="catalog:product:change",
            problems=(UnknownAsset, Conflict),
        ),
    )
    async def change(asset: AssetPath, body: ProductChange) -> ProductView:
        """Rename, change or hide a product. Quotes that were given are kept."""
        return ProductView.model_validate(await service.editor.change_product(asset, body.changes()))


def _plans(api: APIRouter, service: Catalog, answers: AnswerStore) -> None:
    read = route(permission="products:read", owner="any")

    @api.get("/api/admin/catalog/plans", tags=["operators"], **read)
    async def plans() -> PlanDetailList:
        """List all plans, hidden ones too."""
        return PlanDetailList(items=[PlanDetail.model_validate(one) for one in await service.editor.plans()])

    @api.post(
        "/api/admin/catalog/plans",
        tags=["operators"],
        status_code=201,
        response_model=PlanDetail,
        **route(
            permission="products:manage",
            owner="any",
            audit="catalog:plan:create",
            problems=(UnknownAsset, Conflict),
        ),
    )
    async def add(body: NewPlan, who: CurrentUser, key: IdempotencyKey) -> Response:
        """Add a plan."""

        async def work() -> Answer:
            return Answer(
                201, PlanDetail.model_validate(await service.editor.add_plan(body.asset, body.quantity))
            )

        return await idempotent(answers, who, key, body, work)

    @api.patch(
        "/api/admin/catalog/plans/{plan_id}",
        tags=["operators"],
        **route(permission="products:manage", owner="any", audit="catalog:plan:change", problems=(Conflict,)),
    )
    async def change(plan_id: PlanPath, body: PlanChange) -> PlanDetail:
        """Hide a plan, or offer it again."""
        return PlanDetail.model_validate(await service.editor.change_plan(plan_id, active=body.active))


def _prices(api: APIRouter, service: Catalog, answers: AnswerStore) -> None:
    @api.patch(
        "/api/admin/prices",
        tags=["operators"],
        **route(permission="prices:manage", owner="any", audit="catalog:price:set", problems=(UnknownAsset,)),
    )
    async def set_price(body: NewPrice, who: CurrentUser) -> NewPriceView:
        """List an asset at another price from now on. Quotes that were given are kept."""
        listed = await service.editor.set_price(
            body.asset, body.currency, body.list_price, who.user_id, body.reason
        )
        return NewPriceView(
            asset=listed.asset, currency=listed.currency, list_price=listed.per_lot, since=listed.from_us
        )

    @api.post(
        "/api/admin/capacity",
        tags=["operators"],
        status_code=201,
        response_model=CapacityIssueView,
        **route(
            permission="capacity:manage",
            owner="any",
            audit="catalog:capacity:issue",
            problems=(UnknownAsset,),
        ),
    )
    async def add_capacity(body: NewCapacity, who: CurrentUser, key: IdempotencyKey) -> Response:
        """Put more of an asset up for sale."""

        async def work() -> Answer:
            issue = await service.capacity.add(body.asset, body.quantity, who.user_id, key)
            return Answer(201, CapacityIssueView.model_validate(issue))

        return await idempotent(answers, who, key, body, work)
