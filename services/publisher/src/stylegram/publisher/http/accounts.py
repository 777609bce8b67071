"""The accounts: how each stands, and what people decide about them.

Their names are addresses with slashes in them, which not every proxy leaves alone in a path: decisions name the
account in a query.
"""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from stylegram.common.http.problems import responses
from stylegram.common.schemas import Listing
from stylegram.common.views.posts import AccountView
from stylegram.publisher.desk import Desk
from stylegram.publisher.http.dependencies import DeskDep
from stylegram.publisher.views import account_view

router = APIRouter(prefix="/v1", tags=["accounts"])

_Account = Annotated[str, Query(max_length=500, description="The account, as lists name it.")]


class Stop(BaseModel):
    """Why nothing is to go out."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(min_length=1, max_length=500, description="What whoever comes later reads.")


class Approval(BaseModel):
    """Whether new posts wait for a yes."""

    model_config = ConfigDict(extra="forbid")

    on: bool = Field(description="Whether they do.")


@router.get("/accounts")
def list_accounts(desk: DeskDep) -> Listing[AccountView]:
    """All accounts on which something was asked for, by name: how each stands, and when its next post goes out."""
    return Listing(items=[account_view(desk, row) for row in desk.accounts.all()])


@router.post("/accounts/stop", responses=responses(404))
def stop(account: _Account, why: Stop, desk: DeskDep) -> AccountView:
    """Have nothing go out, and ask nothing of the account, until somebody has it go on."""
    desk.accounts.stop(account, why.reason)
    return _now(desk, account)


@router.post("/accounts/resume", responses=responses(404))
def resume(account: _Account, desk: DeskDep) -> AccountView:
    """Have the account go on, whatever stopped it. One whose login was not taken needs another login besides."""
    desk.accounts.resume(account)
    return _now(desk, account)


@router.put("/accounts/approval", responses=responses(404))
def set_approval(account: _Account, approval: Approval, desk: DeskDep) -> AccountView:
    """Say whether new posts wait for a yes. Those that wait already go on waiting."""
    desk.accounts.set_approval(account, approval.on)
    return _now(desk, account)


def _now(desk: Desk, account: str) -> AccountView:
    return account_view(desk, desk.accounts.get(account))
