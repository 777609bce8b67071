"""Services whose role may not change tables, made by the commands of docs/operations/security.md."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL, create_engine, make_url, text
from sqlalchemy.exc import ProgrammingError

import postgres_server
from backup_town import open_town
from documentation import commands, run_commands
from ingest_samples import png
from postgres_server import PostgresServer
from stylegram.common.database import open_database
from stylegram.common.errors import Unavailable
from stylegram.ingest.tables import JobState
from stylegram.logger.suggestions.schemas import NewStudy, Pair
from stylegram.logger.suggestions.studies import Studies

PAGE = "docs/operations/security.md"


@pytest.fixture
def server(postgresql: PostgresServer) -> Iterator[URL]:
    """Of a server beside the one that tests share, as its administrator: roles are a whole server's."""
    with tempfile.TemporaryDirectory(prefix="postgres") as folder:
        server = PostgresServer(Path(folder))
        server.start()
        with server.database() as url:
            yield make_url(url).set(database="postgres")
        server.stop()


def test_services_need_no_right_to_change_tables(server: URL, tmp_path: Path) -> None:
    run_commands(
        commands(PAGE, "roles"),
        tmp_path,
        {
            "PATH": f"{postgres_server.find_programs()}:{os.environ['PATH']}",
            "SERVER": server.set(drivername="postgresql").render_as_string(hide_password=False),
            "OWNER_PASSWORD": "owners",
            "PASSWORD": "services",
        },
    )
    owner, services = (
        server.set(username=name, password=password, database="stylegram").render_as_string(hide_password=False)
        for name, password in (("stylegram_owner", "owners"), ("stylegram_services", "services"))
    )
    for role in ("photos", "paintings"):
        (tmp_path / role).mkdir()
        (tmp_path / role / "a.png").write_bytes(png(len(role)))
    with pytest.raises(Unavailable, match="tables of ingest are not up to date"):
        open_town(tmp_path, services, migrates=False)
    for service in ("ingest", "publisher", "logger"):
        command = [sys.executable, "-m", f"stylegram.{service}", "migrate"]
        subprocess.run(command, env=os.environ | {"STYLEGRAM_DATABASE_URL": owner}, check=True)

    town = open_town(tmp_path, services, migrates=False)
    town.ingest.sync_all()
    job = town.submit()
    engine = open_database(services)
    studies = Studies(engine)
    pair = Pair(content=job.content, style=job.style)
    studies.create(NewStudy(name="brush", sampler="random", budget=1, pairs=(pair,)))
    studies.ask("brush")
    engine.dispose()
    town.live()
    assert town.ingest.job(job.id).state == JobState.SUCCEEDED
    assert town.ingest.job(job.id).post_state == "published"
    town.close()
    with create_engine(services).connect() as connection:
        for statement in ("ALTER TABLE posts ADD COLUMN surprise text", "CREATE TABLE surprise (a text)"):
            with pytest.raises(ProgrammingError, match=r"must be owner|permission denied"), connection.begin():
                connection.execute(text(statement))
